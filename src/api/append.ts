import { checkAt, parseAt } from "../core/at.ts";
import { type ChunkMode, parseChunkMode } from "../core/chunk.ts";
import { XsError } from "../core/error.ts";
import { parseMeta } from "../core/frame.ts";
import { parseId } from "../core/id.ts";
import { isScheduledLine } from "../core/scheduled.ts";
import { parseClientTopic } from "../core/topic.ts";
import { FOREVER, parseAppendTtl } from "../core/ttl.ts";
import type { AppendCondition } from "../store/types.ts";
import { takeBody } from "./body.ts";
import type { Call } from "./call.ts";
import { appendChunks } from "./chunked.ts";
import { frameResponse, TIMESTAMP } from "./frame.ts";
import { ndjsonResponse } from "./json-response.ts";
import { text, type Values, value } from "./options.ts";
import { retryKeyOf } from "./retry-key.ts";
import { scheduledHeaders } from "./scheduled.ts";

export const APPEND_OPTIONS = {
  ttl: text("how long the frame is kept", "ttl"),
  chunked: value("a frame for each piece: bytes, lines or sse", "chunked", (text) =>
    parseChunkMode(text),
  ),
  at: value("another time than now: one that has passed, or is to come", "moment", (text) =>
    parseAt(text),
  ),
  "with-timestamp": TIMESTAMP,
};

/** Appends one frame; the body is its content. With `chunked`, appends one frame for each piece of the body. */
export async function append(
  call: Call,
  { ttl, chunked, at, "with-timestamp": timestamp }: Values<typeof APPEND_OPTIONS>,
  name: string,
): Promise<Response> {
  const { store, request } = call;
  const topic = parseClientTopic(name);
  const header = request.headers.get("xs-meta");
  const condition = conditionOf(call);
  const write = {
    topic,
    ttl:
      ttl === undefined
        ? FOREVER
        : parseAppendTtl(topic, ttl, condition.idempotencyKey !== undefined),
    meta: header === null ? "null" : parseMeta(utf8(header)),
    ...(at !== undefined && { at }),
  };
  if (at !== undefined) {
    checkAt(topic, write.ttl, at);
    checkTimedHeaders(condition, chunked);
  }
  if (chunked !== undefined) {
    if (condition.expectLast !== undefined || condition.idempotencyKey !== undefined) {
      throw new XsError("bad_header", "a chunked append is several appends: it takes no condition");
    }
    return appendChunks(call, write, chunked, timestamp);
  }
  const content = await takeBody(store, request, write.ttl.kind === "ephemeral");
  const line = await store.append({ ...write, content }, condition);
  if (at === undefined || !isScheduledLine(line)) return frameResponse(line, timestamp);
  return ndjsonResponse(
    [line],
    { ...scheduledHeaders([line], call.context), "content-type": "application/json" },
    202,
  );
}

/** @throws XsError `bad_header`, `bad_option` for what does not go with `at` */
function checkTimedHeaders({ expectLast }: AppendCondition, chunked: ChunkMode | undefined): void {
  if (expectLast !== undefined) {
    throw new XsError(
      "bad_header",
      "xs-expect-last does not go with at: a frame of another time is not next to the newest",
    );
  }
  if (chunked !== undefined) {
    throw new XsError("bad_option", "chunked does not go with at: chunks come as they are sent");
  }
}

/** Parses the conditions in the headers of an append. @throws XsError `bad_header`, `bad_id` */
export function conditionOf(call: Call): AppendCondition {
  const last = call.request.headers.get("xs-expect-last");
  const key = retryKeyOf(call);
  if (last === null && key === undefined) return {};
  return {
    ...(last !== null && { expectLast: last === "none" ? null : parseId(last) }),
    ...(key !== undefined && { idempotencyKey: key }),
  };
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Decodes a header that a client sent as UTF-8: HTTP delivers its bytes as Latin-1. */
function utf8(header: string): string {
  try {
    return decoder.decode(Buffer.from(header, "latin1"));
  } catch {
    throw new XsError("bad_meta", "the xs-meta header is not UTF-8; send it as base64 of JSON");
  }
}
