import { checkAt, parseAt } from "../core/at.ts";
import { quoted, XsError } from "../core/error.ts";
import { encodeMeta, parseObject, withTimestamp } from "../core/frame.ts";
import { parseHash } from "../core/hash.ts";
import { checkInline, decodeInline, INLINE_KEYS, MAX_INLINE_JSON } from "../core/inline-content.ts";
import { isScheduledLine } from "../core/scheduled.ts";
import { parseClientTopic, RUNTIME_PREFIX } from "../core/topic.ts";
import { FOREVER, parseAppendTtl } from "../core/ttl.ts";
import type { Store } from "../store/store.ts";
import type { AppendCondition, AppendRequest, TakenContent } from "../store/types.ts";
import { conditionOf } from "./append.ts";
import { checkLength, eachLine, LineError } from "./body-lines.ts";
import type { Call } from "./call.ts";
import { ndjsonResponse } from "./json-response.ts";
import type { Share } from "./room.ts";
import { scheduledHeaders } from "./scheduled.ts";

/** The most frames of a batch, and the most bytes of all its lines. */
const MAX_FRAMES = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;
/** The longest line, in bytes, but for {@link checkLength}; larger content goes to POST /cas first. */
const MAX_LINE = 1024 * 1024;

/**
 * Appends frames from NDJSON in one commit: all of them or, if a line is wrong, none. Responds with the
 * frames as NDJSON.
 */
export async function appendBatch(
  call: Call,
  { "with-timestamp": timestamp }: { "with-timestamp": boolean },
): Promise<Response> {
  const { store, request, access, rooms, context } = call;
  const condition = conditionOf(call);
  if (condition.expectLast !== undefined) {
    throw new XsError("bad_header", "xs-expect-last is for the append of one frame");
  }
  using share = rooms.bytesOf(access).take(0);
  const requests = await readRequests(store, request, condition, share);
  const lines = await store.apply(
    requests.map((append) => ({ append })),
    condition,
  );
  const stamped = (line: string) => (isScheduledLine(line) ? line : withTimestamp(line));
  const isAllLater = lines.length > 0 && lines.every(isScheduledLine);
  return ndjsonResponse(
    timestamp ? lines.map(stamped) : lines,
    scheduledHeaders(lines, context),
    isAllLater ? 202 : 200,
  );
}

async function readRequests(
  store: Store,
  request: Request,
  condition: AppendCondition,
  share: Share,
): Promise<AppendRequest[]> {
  const requests: AppendRequest[] = [];
  let bytes = 0;
  const take = async (line: string) => {
    const size = Buffer.byteLength(line) + 1;
    share.more(size);
    bytes += size;
    if (requests.length >= MAX_FRAMES || bytes > MAX_BYTES) {
      throw new XsError(
        "body_too_large",
        `a batch is at most ${MAX_FRAMES} frames and ${MAX_BYTES} bytes: send several`,
      );
    }
    requests.push(await parseRequest(store, line, condition));
  };
  try {
    await eachLine(request.body ?? new Blob().stream(), MAX_LINE + MAX_INLINE_JSON, take);
    return requests;
  } catch (error) {
    for (const { content } of requests) store.content.unpin(content);
    if (!(error instanceof LineError)) throw error;
    throw new XsError(error.reason.code, `${error.message} (nothing was appended)`, {
      cause: error,
    });
  }
}

async function parseRequest(
  store: Store,
  line: string,
  condition: AppendCondition,
): Promise<AppendRequest> {
  const checkContent = checkLength(line, MAX_LINE);
  const value = parseObject(line, 1);
  if (!value) {
    throw bad(`${quoted(line)} is not a frame: it is a JSON object with a topic`);
  }
  const { topic, meta = null, ttl: given = null, hash = null, at = null, ...rest } = asNew(value);
  const unknown = Object.keys(rest).find((key) => !INLINE_KEYS.has(key));
  if (unknown !== undefined) {
    const hint =
      unknown === "id" || unknown === "timestamp"
        ? "; POST /import adds frames that have ids, and a batch takes the whole line of a read, which gets a new id"
        : "";
    throw bad(`a frame of a batch has no key ${quoted(unknown)}${hint}`);
  }
  // As in an import, null means forever.
  const ttl = given ?? "forever";
  if (typeof topic !== "string" || typeof ttl !== "string") {
    throw bad('a frame of a batch needs a "topic", and "ttl" is a text or null');
  }
  if (hash !== null && typeof hash !== "string") throw bad('"hash" is a text');
  if (at !== null && typeof at !== "string") throw bad('"at" is a text, like 2026-12-24T18:00Z');
  const content = decodeInline(rest, "bad_batch");
  checkContent(content);
  if (content && hash !== null) checkInline(content, hash, "bad_batch");
  const isRetry = condition.idempotencyKey !== undefined;
  const fields = {
    topic: isPrinted(value) ? copiedTopic(topic) : parseClientTopic(topic),
    meta: encodeMeta(meta),
    ttl: ttl === "forever" ? FOREVER : parseAppendTtl(topic, ttl, isRetry),
    ...(at !== null && { at: parseAt(at) }),
  };
  if (fields.at !== undefined) checkAt(topic, fields.ttl, fields.at);
  if (!content) {
    if (hash === null && (rest.content_size ?? rest.content_error ?? null) !== null) {
      throw bad("the line has no content: give it, or the hash of content in the store");
    }
    const known = hash === null ? null : knownContent(store, parseHash(hash));
    return { ...fields, content: known };
  }
  const ephemeral = fields.ttl.kind === "ephemeral";
  const taken = await store.content.take(content, ephemeral);
  if (taken || hash === null) return { ...fields, content: taken };
  // Empty content that the line names by its hash.
  return { ...fields, content: { hash, size: 0, bytes: content, ephemeral } };
}

/** The keys of every frame that a read prints. */
const PRINTED = ["topic", "id", "hash", "meta", "ttl"];

/** A line as a read prints it, without what its new frame gets anew: the id, and the time in it. */
function asNew<Line extends object>(line: Line): Omit<Line, "id" | "timestamp"> {
  if (!isPrinted(line)) return line;
  const { id, timestamp, ...others } = line as Line & { id?: unknown; timestamp?: unknown };
  return others;
}

function isPrinted(line: object): boolean {
  return PRINTED.every((key) => Object.hasOwn(line, key));
}

/** The topic of a line as a read prints it. @throws XsError `reserved_topic`, which says how to copy without it */
function copiedTopic(topic: string): string {
  try {
    return parseClientTopic(topic);
  } catch (error) {
    if (!(error instanceof XsError) || error.code !== "reserved_topic") throw error;
    throw new XsError(
      error.code,
      `${error.message}: a copy leaves its frames out, as  xs cat --topic '*,!${RUNTIME_PREFIX}*' --content  does, or is an import of all that  xs export  prints`,
      { cause: error },
    );
  }
}

function knownContent(store: Store, hash: string): TakenContent {
  const size = store.content.sizeOf(hash);
  if (size !== undefined) return { hash, size, known: true };
  throw new XsError(
    "content_not_found",
    `there is no content ${hash} in this store: send it with POST /cas first`,
  );
}

function bad(problem: string): XsError {
  return new XsError("bad_batch", problem);
}
