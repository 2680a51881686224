import { count } from "../../lib/format.ts";
import { go } from "../../lib/place.ts";
import { Text } from "../../parts/text.tsx";
import type { LiveTail } from "./live-tail.ts";
import type { Selection } from "./source.ts";

interface StreamToolsProps {
  readonly selection: Selection;
  /** Undefined where nothing comes live. */
  readonly tail: LiveTail | undefined;
  readonly toEnd: () => Promise<void>;
}

/** What selects the frames, and what pauses them. */
export function StreamTools({ selection, tail, toEnd }: StreamToolsProps) {
  const { topic, since, until, runtime } = selection;
  return (
    <div class="tools">
      <form
        class="tools-filter"
        onSubmit={(event) => {
          event.preventDefault();
          const given = new FormData(event.currentTarget).get("topic");
          go({ topic: String(given ?? "").trim(), at: undefined });
        }}
      >
        <label>
          <span class="tools-label">Topics</span>
          <input
            name="topic"
            class="mono"
            defaultValue={topic}
            placeholder="all: try  note,door.*"
            autocomplete="off"
            spellcheck={false}
          />
        </label>
      </form>
      {(since || until) && (
        <button
          type="button"
          class="chip"
          onClick={() => go({ since: undefined, until: undefined })}
        >
          <Text value={`${since || "begin"} – ${until || "now"}`} /> ×
        </button>
      )}
      {topic === "" && (
        <label class="tools-check">
          <input
            type="checkbox"
            checked={runtime}
            onChange={(event) => go({ runtime: event.currentTarget.checked ? "show" : undefined })}
          />
          runtime
        </label>
      )}
      {tail && (
        <button
          type="button"
          class={tail.isPaused.value ? "tools-live" : "tools-live is-live"}
          aria-pressed={!tail.isPaused.value}
          onClick={() => (tail.isPaused.peek() ? void toEnd() : tail.pause())}
        >
          {tail.isPaused.value ? "Go live" : "Pause"}
          {tail.waiting.value > 0 && <span class="badge">{count(tail.waiting.value)} new</span>}
        </button>
      )}
    </div>
  );
}
