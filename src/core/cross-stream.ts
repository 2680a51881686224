import { quoted, XsError } from "./error.ts";
import { isHash, parseHash } from "./hash.ts";
import type { Json } from "./json.ts";
import { MAX_TTL_MS } from "./ttl.ts";

// What the frames of cross.stream say in another way than ours, over all its versions.

/** The context of everything that is in none. */
const NO_CONTEXT = "0".repeat(25);

/**
 * Frames of versions before 0.10 name the context they are in. One that is not the common one had
 * topics of its own, which must not become the topics of others: a `last:1` there is no `last:1` here.
 *
 * @throws XsError `bad_frame`
 */
export function checkContext(context: Json): void {
  if (context === null || context === NO_CONTEXT) return;
  throw new XsError(
    "bad_frame",
    `the frame is of the context ${quoted(String(context))}, and there are no contexts here: import each into a store of its own, without the key, as in  jq -c 'select(.context_id == "…") | del(.context_id)'`,
  );
}

/** A ttl as it is written here; null means for ever. @throws XsError `bad_frame` */
export function ttlOfCrossStream(ttl: Json): string {
  if (ttl === null) return "forever";
  if (typeof ttl === "string") {
    const [, kind, digits = ""] = /^(head|time):([0-9]+)$/.exec(ttl) ?? [];
    if (kind === "head") return `last:${digits}`;
    return kind === "time" ? timeTtl(Number(digits), ttl) : ttl;
  }
  // As versions before 0.1 wrote it: {"time":{"secs":1,"nanos":0}}, {"head":5}.
  const { time, head, ...rest } = Object(ttl) as Record<string, unknown>;
  const { secs, nanos } = Object(time) as Record<string, unknown>;
  if (Object.keys(rest).length === 0) {
    if (time === undefined && Number.isSafeInteger(head)) return `last:${head}`;
    if (head === undefined && Number.isSafeInteger(secs) && Number.isSafeInteger(nanos)) {
      return timeTtl((secs as number) * 1000 + Math.floor((nanos as number) / 1e6));
    }
  }
  throw new XsError("bad_frame", 'the "ttl" of a frame is a text or null');
}

/** There, a frame may be over as soon as it is made, or be kept for longer than numbers go here. */
function timeTtl(ms: number, text?: string): string {
  if (text !== undefined && ms >= 1 && ms <= MAX_TTL_MS) return text;
  return `time:${Math.min(Math.max(ms, 1), MAX_TTL_MS)}`;
}

/**
 * A hash as it is here. There, it may name the same content by several algorithms.
 *
 * @throws XsError `bad_hash`
 */
export function hashOfCrossStream(text: string): string {
  const hashes = text.split(" ").filter((part) => part !== "");
  const known = hashes.length > 1 ? hashes.find(isHash) : undefined;
  if (known !== undefined) return known;
  const [, algorithm] = /^(sha1|sha384|sha512|xxh3|md5)-/.exec(text) ?? [];
  if (algorithm === undefined) return parseHash(text);
  throw new XsError(
    "bad_hash",
    `${quoted(text)} names content by ${algorithm}, and here it is named by sha256 alone: put it in with  xs cas-post, and that hash into the frame`,
  );
}
