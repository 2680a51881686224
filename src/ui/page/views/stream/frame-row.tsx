import { clock, day, dayAndClock, size } from "../../lib/format.ts";
import { type Frame, isOfRuntime, timeOf } from "../../lib/frame.ts";
import { ListRow } from "../../parts/list-row.tsx";
import { Text } from "../../parts/text.tsx";
import type { Preview } from "./previews.ts";

interface FrameRowProps {
  readonly frame: Frame;
  /** The frame in the row above: where the day changes, the row says so. */
  readonly before: Frame | undefined;
  readonly preview: Preview | undefined;
  readonly isChosen: boolean;
  readonly choose: (frame: Frame) => void;
}

/** A frame as a row: its time, its topic, the first line of its content or else its meta, its size. */
export function FrameRow({ frame, before, preview, isChosen, choose }: FrameRowProps) {
  const ms = timeOf(frame.id);
  const isNewDay = before !== undefined && day(timeOf(before.id)) !== day(ms);
  const isPassing = frame.ttl === "ephemeral";
  return (
    <ListRow
      id={`frame-${frame.id}`}
      class={`${isOfRuntime(frame) ? "row-runtime" : ""} ${isNewDay ? "row-day" : ""} ${isPassing ? "row-passing" : ""}`}
      isChosen={isChosen}
      onClick={() => choose(frame)}
    >
      <time class="row-time" dateTime={new Date(ms).toISOString()} title={dayAndClock(ms)}>
        {isNewDay && <span class="row-date">{day(ms).slice(5)}</span>}
        <span class="row-clock">
          {clock(ms).slice(0, -4)}
          <span class="row-ms">{clock(ms).slice(-4)}</span>
        </span>
      </time>
      <span class="row-topic">
        {isPassing && <span class="row-mark">not stored </span>}
        <Text value={frame.topic} max={255} />
      </span>
      <span class="row-text">
        <Summary frame={frame} preview={preview} />
      </span>
      <span class="row-size">{preview && preview.size > 0 ? size(preview.size) : ""}</span>
    </ListRow>
  );
}

function Summary({ frame, preview }: Pick<FrameRowProps, "frame" | "preview">) {
  const { hash, metaText = "" } = frame;
  if (hash === null || (preview?.line === "" && metaText !== "")) {
    return (
      <span class="dim mono">
        <Text value={metaText} max={300} />
      </span>
    );
  }
  if (!preview) return <span class="dim">…</span>;
  if (preview.line === undefined) return <span class="dim">{preview.instead ?? "bytes"}</span>;
  return <Text value={preview.line} max={300} />;
}
