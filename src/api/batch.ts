import { quoted, XsError } from "../core/error.ts";
import { encodeMeta, parseObject, withTimestamp } from "../core/frame.ts";
import { parseHash } from "../core/hash.ts";
import { parseClientTopic } from "../core/topic.ts";
import { FOREVER, parseAppendTtl } from "../core/ttl.ts";
import { bytesOfText } from "../core/utf8.ts";
import type { Store } from "../store/store.ts";
import type { AppendCondition, AppendRequest, TakenContent } from "../store/types.ts";
import { conditionOf } from "./append.ts";
import { eachLine, LineError } from "./body-lines.ts";
import type { Call } from "./call.ts";
import { ndjsonResponse } from "./json-response.ts";
import type { Share } from "./room.ts";

/** The most frames of a batch, and the most bytes of all its lines. */
const MAX_FRAMES = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;
/** The longest line, in bytes; larger content goes to POST /cas first. */
const MAX_LINE = 1024 * 1024;

/**
 * Appends frames from NDJSON in one commit: all of them or, if a line is wrong, none. Responds with the
 * frames as NDJSON.
 */
export async function appendBatch(
  { store, request, rooms }: Call,
  { "with-timestamp": timestamp }: { "with-timestamp": boolean },
): Promise<Response> {
  const condition = conditionOf(request);
  if (condition.expectLast !== undefined) {
    throw new XsError("bad_header", "xs-expect-last is for the append of one frame");
  }
  using share = rooms.bytes.take(0);
  const requests = await readRequests(store, request, condition, share);
  const lines = await store.apply(
    requests.map((append) => ({ append })),
    condition,
  );
  return ndjsonResponse(timestamp ? lines.map(withTimestamp) : lines);
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
    await eachLine(request.body ?? new Blob().stream(), MAX_LINE, take);
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
  const value = parseObject(line, 1);
  if (!value) {
    throw bad(`${quoted(line)} is not a frame: it is a JSON object with a topic`);
  }
  const { topic, meta = null, ttl: given = null, content = null, hash = null, ...rest } = value;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) {
    const hint = unknown === "id" ? "; POST /import adds frames that have ids" : "";
    throw bad(`a frame of a batch has no key ${quoted(unknown)}${hint}`);
  }
  // As in an import, null means forever.
  const ttl = given ?? "forever";
  if (typeof topic !== "string" || typeof ttl !== "string") {
    throw bad('a frame of a batch needs a "topic", and "ttl" is a text or null');
  }
  if (
    (content !== null && typeof content !== "string") ||
    (hash !== null && typeof hash !== "string")
  ) {
    throw bad('"content" and "hash" are texts');
  }
  if (content !== null && hash !== null) {
    throw bad("give content or the hash of content in the store, not both");
  }
  const isRetry = condition.idempotencyKey !== undefined;
  const fields = {
    topic: parseClientTopic(topic),
    meta: encodeMeta(meta),
    ttl: ttl === "forever" ? FOREVER : parseAppendTtl(topic, ttl, isRetry),
  };
  if (hash !== null) return { ...fields, content: knownContent(store, parseHash(hash)) };
  const ephemeral = fields.ttl.kind === "ephemeral";
  const bytes = bytesOfText(content ?? "", '"content"');
  return { ...fields, content: await store.content.take(bytes, ephemeral) };
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
