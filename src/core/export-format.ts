import { hashOfCrossStream } from "./cross-stream.ts";
import { digestOf, hashOfDigest } from "./hash.ts";

/** What an export holds beside the content: entries of a tar, each of JSON lines. */
export const FRAMES = "frames.jsonl";
/** A line a pair: `{key, rev, type, value}`, the value in base64. */
export const PAIRS = "kv.jsonl";
/** A line for each content that had to be left out: `{hash, problem}`. Not there if there is none. */
export const PROBLEMS = "problems.jsonl";

const CONTENT = /^content\/([0-9a-f]{64})$/;
/** In an export of cross.stream: the hash itself, in base64. */
const CAS = /^cas\/([A-Za-z0-9+/]+={0,2})$/;

/** The folders of content, ours and that of cross.stream. */
export const CONTENT_FOLDERS: readonly string[] = ["content", "cas"];

/** Tells what macOS puts beside files, in folders and in tars: nobody means to import it. */
export function isLeftByMacOs(name: string): boolean {
  return /(^|\/)(\._[^/]*|\.DS_Store)$/.test(name);
}

/** The entry of some content: its sha256 in hexadecimal digits, as `sha256sum` prints it. */
export function contentEntry(hash: string): string {
  return `content/${digestOf(hash).toString("hex")}`;
}

/**
 * The hash of the content that an entry holds; undefined for an entry of another kind.
 *
 * @throws XsError `bad_hash` where it is named by another algorithm
 */
export function hashOfEntry(name: string): string | undefined {
  const hex = CONTENT.exec(name)?.[1];
  if (hex) return hashOfDigest(Buffer.from(hex, "hex"));
  const base64 = CAS.exec(name)?.[1];
  const text = base64 && Buffer.from(base64, "base64").toString("latin1");
  return text?.startsWith("sha") ? hashOfCrossStream(text) : undefined;
}
