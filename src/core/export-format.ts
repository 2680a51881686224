import { hashOfCrossStream } from "./cross-stream.ts";
import { digestOf, hashOfDigest } from "./hash.ts";

/** A file of JSON lines in the tar of an export: the frames. */
export const FRAMES = "frames.jsonl";
/**
 * One line for each key/value entry: `{key, rev, type, value, by}`, the value in base64, `by` only if a handler wrote it.
 * That of a deleted one is `{key, rev, deleted: true, by}`.
 */
export const KV_ENTRIES = "kv.jsonl";
/**
 * One line for each frame that arrived late, in the order of arrival: `{id, position}`. The file is absent if there is
 * none.
 */
export const LATE = "late.jsonl";
/** One line for each frame that a user removed: `{id, removed}`, in ms since 1970. The file is absent if there is none. */
export const TOMBSTONES = "tombstones.jsonl";
/** One line for each content that the export leaves out: `{hash, problem}`. The file is absent if there is none. */
export const PROBLEMS = "problems.jsonl";

/** The files of JSON lines that an import reads. */
export const LINE_FILES: readonly string[] = [FRAMES, KV_ENTRIES, LATE, TOMBSTONES];

const CONTENT = /^content\/([0-9a-f]{64})$/;
/** The file of a content in an export of cross.stream: the hash as a text, encoded in base64. */
const CAS = /^cas\/([A-Za-z0-9+/]+={0,2})$/;

/** The folders that hold content, in exports of xs and of cross.stream. */
export const CONTENT_FOLDERS: readonly string[] = ["content", "cas"];

/** Tells whether a name is that of a file which macOS adds to folders and tars; imports skip those. */
export function isLeftByMacOs(name: string): boolean {
  return /(^|\/)(\._[^/]*|\.DS_Store)$/.test(name);
}

/** The name of a content's file in an export: its sha256 in hexadecimal digits, as `sha256sum` prints it. */
export function contentEntry(hash: string): string {
  return `content/${digestOf(hash).toString("hex")}`;
}

/**
 * The hash of the content in a file of an export, by the file's name; undefined for any other file.
 *
 * @throws XsError `bad_hash` if the name holds a hash of another algorithm
 */
export function hashOfEntry(name: string): string | undefined {
  const hex = CONTENT.exec(name)?.[1];
  if (hex) return hashOfDigest(Buffer.from(hex, "hex"));
  const base64 = CAS.exec(name)?.[1];
  const text = base64 && Buffer.from(base64, "base64").toString("latin1");
  return text?.startsWith("sha") ? hashOfCrossStream(text) : undefined;
}
