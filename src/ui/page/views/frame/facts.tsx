import { dayAndClock } from "../../lib/format.ts";
import { type Frame, timeOf } from "../../lib/frame.ts";
import { hrefOf } from "../../lib/place.ts";
import { Fact } from "../../parts/fact.tsx";
import { Link } from "../../parts/link.tsx";
import { Text } from "../../parts/text.tsx";

/** What a frame has besides its topic, its meta and its content. */
export function Facts({ frame }: { frame: Frame }) {
  const ms = timeOf(frame.id);
  return (
    <dl class="facts">
      <Fact name="time">
        <Link
          href={hrefOf({ at: new Date(ms).toISOString(), frame: frame.id })}
          title="go there in the stream"
        >
          {dayAndClock(ms)}
        </Link>
      </Fact>
      <Fact name="id" class="mono">
        {frame.id}
      </Fact>
      {frame.ttl !== "forever" && (
        <Fact name="kept">
          <Text value={kept(frame.ttl, ms)} />
        </Fact>
      )}
      {frame.hash !== null && (
        <Fact name="hash" class="mono">
          <Text value={frame.hash} />
        </Fact>
      )}
    </dl>
  );
}

/** How long a frame is kept. @param ms the time of the frame */
function kept(ttl: string, ms: number): string {
  const [, kind = "", given = ""] = /^(time|until|last):(\d+)$/.exec(ttl) ?? [];
  const number = Number(given);
  if (kind === "last") {
    return number === 1
      ? "while it is the newest of its topic"
      : `while it is among the ${number} newest of its topic`;
  }
  const end = kind === "time" ? ms + number : number;
  // A date has a last day.
  return kind !== "" && end <= 8.64e15 ? `until ${dayAndClock(end)}` : ttl;
}
