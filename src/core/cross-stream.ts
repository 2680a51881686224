import { quoted, XsError } from "./error.ts";
import { isHash, parseHash } from "./hash.ts";
import type { Json } from "./json.ts";
import { MAX_TTL_MS } from "./ttl.ts";

// Translates frames of cross.stream, of all its versions, where their format differs from ours.

/** The id of the default context. */
const NO_CONTEXT = "0".repeat(25);

/**
 * Refuses a frame of any context but the default one. Before 0.10, each context had a separate set of
 * topics. Merging two contexts would mix their topics, and a `last:1` of one would remove frames of the other.
 *
 * @throws XsError `bad_frame`
 */
export function checkContext(context: Json): void {
  if (context === null || context === NO_CONTEXT) return;
  throw new XsError(
    "bad_frame",
    `the frame belongs to the context ${quoted(String(context))}, and there are no contexts here: import each context into a separate store, without the key, as in  jq -c 'select(.context_id == "…") | del(.context_id)'`,
  );
}

/** Translates a ttl of cross.stream; null means forever. @throws XsError `bad_frame` */
export function ttlOfCrossStream(ttl: Json): string {
  if (ttl === null) return "forever";
  if (typeof ttl === "string") {
    const [, kind, digits = ""] = /^(head|time):([0-9]+)$/.exec(ttl) ?? [];
    if (kind === "head") return `last:${digits}`;
    return kind === "time" ? timeTtl(Number(digits), ttl) : ttl;
  }
  // The form of versions before 0.1: {"time":{"secs":1,"nanos":0}}, {"head":5}.
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

/** cross.stream accepts `time:0` and times above {@link MAX_TTL_MS}: this brings them into the range of xs. */
function timeTtl(ms: number, text?: string): string {
  if (text !== undefined && ms >= 1 && ms <= MAX_TTL_MS) return text;
  return `time:${Math.min(Math.max(ms, 1), MAX_TTL_MS)}`;
}

/**
 * Returns the sha256 of a hash of cross.stream, which may list hashes of several algorithms.
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
    `${quoted(text)} names content by ${algorithm}, and xs names content by sha256 alone: store the content with  xs cas-post, and write the hash that it prints into the frame`,
  );
}
