import { idInLine } from "../frame/frame.ts";

/** NDJSON frames as server-sent events (https://html.spec.whatwg.org/#server-sent-events). */
export function toServerSentEvents(ndjson: Uint8Array): Uint8Array {
  const lines = new TextDecoder().decode(ndjson).trimEnd().split("\n");
  return Buffer.from(lines.map((line) => `id: ${idInLine(line)}\ndata: ${line}\n\n`).join(""));
}
