import { useEffect, useRef, useState } from "preact/hooks";
import { askJson, isAbort, messageOf, Problem } from "../../lib/ask.ts";
import type { Frame } from "../../lib/frame.ts";
import { addShortcuts } from "../../lib/keyboard.ts";
import { go, place } from "../../lib/place.ts";

type Direction = "next" | "previous";

interface NeighboursProps {
  readonly id: string;
  /** The topic of the frame; undefined where it is not known: then the neighbours are those of all topics. */
  readonly topic: string | undefined;
}

/**
 * Goes to the frame before or after, of its topic or of all. In the address: `neighbours=all` for those of all topics.
 */
export function Neighbours({ id, topic }: NeighboursProps) {
  const isAll = topic === undefined || place.value.get("neighbours") === "all";
  const [said, say] = useState("");
  const asking = useRef<AbortController | undefined>(undefined);
  const goTo = async (direction: Direction) => {
    asking.current?.abort();
    const mine = new AbortController();
    asking.current = mine;
    say("");
    const query = isAll ? "" : `?topic=${encodeURIComponent(topic)}`;
    try {
      const path = `/${encodeURIComponent(id)}/${direction}${query}`;
      const { id: other } = await askJson<Frame>(path, mine.signal);
      if (!mine.signal.aborted) go({ frame: other }, "replace");
    } catch (error) {
      if (isAbort(error) || mine.signal.aborted) return;
      const isNone = error instanceof Problem && error.status === 404;
      say(isNone ? noneOf(direction, isAll) : messageOf(error));
    }
  };
  useEffect(() => {
    say("");
    return () => asking.current?.abort();
  }, [id]);
  const of = isAll ? "of all topics" : "of its topic";
  useEffect(
    () =>
      addShortcuts([
        { keys: ["n"], does: `the next frame ${of}`, run: () => void goTo("next") },
        { keys: ["p"], does: `the frame before ${of}`, run: () => void goTo("previous") },
      ]),
    [id, topic, isAll],
  );
  return (
    <div class="neighbours">
      <button
        type="button"
        class="quiet"
        aria-label={`The frame before ${of}`}
        title={`The frame before ${of} (p)`}
        onClick={() => void goTo("previous")}
      >
        ←
      </button>
      <button
        type="button"
        class="quiet"
        aria-label={`The next frame ${of}`}
        title={`The next frame ${of} (n)`}
        onClick={() => void goTo("next")}
      >
        →
      </button>
      {topic !== undefined && (
        <select
          aria-label="Neighbours"
          value={isAll ? "all" : ""}
          onChange={({ currentTarget: { value } }) => go({ neighbours: value }, "replace")}
        >
          <option value="">of its topic</option>
          <option value="all">of all topics</option>
        </select>
      )}
      <span class="neighbours-said dim" role="status">
        {said}
      </span>
    </div>
  );
}

function noneOf(direction: Direction, isAll: boolean): string {
  const end = direction === "next" ? "newest" : "oldest";
  return `This is the ${end} ${isAll ? "of all" : "of its topic"}.`;
}
