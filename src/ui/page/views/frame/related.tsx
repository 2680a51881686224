import { useState } from "preact/hooks";
import { ask } from "../../lib/ask.ts";
import { clock, duration } from "../../lib/format.ts";
import { type Frame, timeOf } from "../../lib/frame.ts";
import { jsonLines } from "../../lib/lines.ts";
import { hrefOf } from "../../lib/place.ts";
import { useAsk } from "../../lib/use-ask.ts";
import { Link } from "../../parts/link.tsx";
import { ProblemNotice } from "../../parts/notice.tsx";
import { Text } from "../../parts/text.tsx";

/** How many frames one step of the walk shows. */
const PART = 50;

/**
 * What a frame came of, or what came of it: the nearest first. A click goes to that frame, and shows its own.
 *
 * @param which end of the arrow
 */
export function Related({ frame, which }: { frame: Frame; which: "causes" | "effects" }) {
  const [limit, setLimit] = useState(PART);
  const { value, error } = useAsk(
    async (signal) =>
      jsonLines<Frame>(await ask(`/${frame.id}/${which}?limit=${limit + 1}`, { signal })),
    [frame.id, which, limit],
  );
  if (error !== undefined) return <ProblemNotice error={error} />;
  if (!value) return <p class="dim">reading…</p>;
  if (value.length === 0) {
    return (
      <p class="dim">{which === "causes" ? "Nothing: it is a beginning." : "Nothing so far."}</p>
    );
  }
  const shown = value.slice(0, limit);
  return (
    <ul class="related">
      {shown.map((other) => (
        <li key={other.id}>
          <Link href={hrefOf({ frame: other.id })} class="related-frame">
            <span class="mono">
              <Text value={other.topic} />
            </span>
            <span class="dim">
              {clock(timeOf(other.id))} ({apart(frame, other)})
            </span>
          </Link>
        </li>
      ))}
      {value.length > limit && (
        <li>
          <button type="button" onClick={() => setLimit(limit * 4)}>
            Show more
          </button>
        </li>
      )}
    </ul>
  );
}

function apart(one: Frame, other: Frame): string {
  const ms = timeOf(other.id) - timeOf(one.id);
  return `${ms < 0 ? "−" : "+"}${duration(Math.abs(ms))}`;
}
