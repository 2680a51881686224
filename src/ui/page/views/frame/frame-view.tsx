import { useEffect } from "preact/hooks";
import { askJson, isAbort, Problem } from "../../lib/ask.ts";
import { dayAndClock } from "../../lib/format.ts";
import { type Frame, timeOf } from "../../lib/frame.ts";
import { addShortcuts } from "../../lib/keyboard.ts";
import { go, hrefOf } from "../../lib/place.ts";
import { useAsk } from "../../lib/use-ask.ts";
import { JsonTree } from "../../parts/json-tree.tsx";
import { Link } from "../../parts/link.tsx";
import { ProblemNotice } from "../../parts/notice.tsx";
import { Text } from "../../parts/text.tsx";
import { Content } from "./content.tsx";
import { CopyAs } from "./copy-as.tsx";
import { Related } from "./related.tsx";

/** One frame, whole: its content, its meta, what it came of, and what came of it. @param id from `frame` in the address */
export function FrameView({ id }: { id: string }) {
  const { value: frame, error } = useAsk<Frame>((signal) => askJson(`/${id}`, signal), [id]);
  useEffect(
    () =>
      addShortcuts([
        { keys: ["n"], does: "the next frame of its topic", run: () => void toNeighbour("next") },
        {
          keys: ["p"],
          does: "the frame before of its topic",
          run: () => void toNeighbour("previous"),
        },
      ]),
    [frame],
  );
  const toNeighbour = async (direction: "next" | "previous") => {
    if (!frame) return;
    try {
      const topic = encodeURIComponent(frame.topic);
      const path = `/${frame.id}/${direction}?topic=${topic}`;
      const other = await askJson<Frame>(path, AbortSignal.timeout(10_000));
      go({ frame: other.id }, "replace");
    } catch (error) {
      // There is none on that side.
      if (!(error instanceof Problem && error.status === 404) && !isAbort(error)) throw error;
    }
  };
  return (
    <aside class="frame" aria-label="Frame">
      <header class="frame-head">
        <h2>{frame ? <Text value={frame.topic} /> : id}</h2>
        <button
          type="button"
          class="quiet"
          aria-label="The frame before of its topic"
          onClick={() => void toNeighbour("previous")}
        >
          ←
        </button>
        <button
          type="button"
          class="quiet"
          aria-label="The next frame of its topic"
          onClick={() => void toNeighbour("next")}
        >
          →
        </button>
        <button
          type="button"
          class="quiet"
          aria-label="Close the frame"
          onClick={() => go({ frame: undefined })}
        >
          ×
        </button>
      </header>
      {error !== undefined && <ProblemNotice error={error} />}
      {frame && <Body key={frame.id} frame={frame} />}
    </aside>
  );
}

function Body({ frame }: { frame: Frame }) {
  const ms = timeOf(frame.id);
  return (
    <div class="frame-body">
      <dl class="facts">
        <dt>time</dt>
        <dd>
          <Link
            href={hrefOf({ at: new Date(ms).toISOString(), frame: frame.id })}
            title="go there in the stream"
          >
            {dayAndClock(ms)}
          </Link>
        </dd>
        <dt>id</dt>
        <dd class="mono">{frame.id}</dd>
        {frame.ttl !== "forever" && (
          <>
            <dt>ttl</dt>
            <dd class="mono">{frame.ttl}</dd>
          </>
        )}
      </dl>
      {frame.hash !== null && (
        <section>
          <h3>Content</h3>
          <Content frame={frame} />
        </section>
      )}
      {frame.meta !== null && (
        <section>
          <h3>Meta</h3>
          <JsonTree value={frame.meta} />
        </section>
      )}
      <section>
        <h3>Came of</h3>
        <Related frame={frame} which="causes" />
      </section>
      <section>
        <h3>Led to</h3>
        <Related frame={frame} which="effects" />
      </section>
      <CopyAs frame={frame} />
    </div>
  );
}
