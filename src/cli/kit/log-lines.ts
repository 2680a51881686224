import type { InlinedFrame } from "../../core/frame.ts";
import { timestampOf } from "../../core/id.ts";
import { visible } from "../../core/visible.ts";
import { fullTime } from "../terminal/clock.ts";
import { sizeText } from "../terminal/size.ts";
import type { Style } from "./colours.ts";
import { waitText } from "./wait-text.ts";

/** The columns of the longest word between the time and the text: "terminated". */
const WORD_COLUMNS = 10;
const BAD: ReadonlySet<string> = new Set(["error", "failed", "invalid", "restarting"]);
/** As far as the second: `2026-11-25 14:03:22`. */
const TIME_LENGTH = 19;

/**
 * Formats a frame of a log for people: local time, what it is, and its text, which may have several lines.
 *
 * @param isSafe the text goes to a terminal, which is to obey nothing in it
 */
export function logLine(frame: InlinedFrame, style: Style, isSafe: boolean): string {
  const last = frame.topic.split(".").at(-1) ?? "";
  const word = isSafe ? visible(last) : last;
  const time = fullTime(timestampOf(frame.id)).slice(0, TIME_LENGTH);
  const text = word === "stderr" ? contentText(frame) : metaText(word, frame);
  const shown = isSafe ? visible(text, "\n\t", style.mark) : text;
  const indented = shown.replaceAll("\n", `\n${" ".repeat(TIME_LENGTH + WORD_COLUMNS + 4)}`);
  const mark = BAD.has(word) ? style.wrong : word === "stderr" ? style.dim : style.bold;
  const head = `${style.dim(time)}  ${mark(word)}${" ".repeat(Math.max(WORD_COLUMNS - word.length, 0))}`;
  return `${head}  ${indented}`.trimEnd();
}

function contentText({
  content,
  content_base64,
  content_size,
  content_error,
}: InlinedFrame): string {
  if (content !== undefined) return content.replace(/\r?\n$/, "");
  if (content_base64 !== undefined)
    return `(binary, ${sizeText(Buffer.byteLength(content_base64, "base64"))})`;
  if (content_size !== undefined) return `(a line of ${sizeText(content_size)})`;
  return content_error === undefined ? "" : `(${content_error.replaceAll("_", " ")})`;
}

function metaText(word: string, { meta }: InlinedFrame): string {
  const { reason, delay_ms, exit, signal, by, frame_id } = Object(meta) as Record<string, unknown>;
  const notes = [
    typeof delay_ms === "number" && `in ${waitText(delay_ms)}`,
    word === "finished" && typeof exit === "number" && `exit code ${exit}`,
    word === "finished" && typeof signal === "string" && `by ${signal}`,
    typeof by === "string" && word === "replaced" && `by ${by}`,
    typeof frame_id === "string" && `on frame ${frame_id}`,
  ].filter((note) => note !== false);
  const why = typeof reason === "string" ? reason.trim() : "";
  return [notes.join(", "), why].filter((part) => part !== "").join(": ");
}
