// A thread that adds content to the lines of frames, from its files, so that the server's own thread neither waits for
// the disk nor works on each frame.
import { statSync } from "node:fs";
import { join } from "node:path";
import { hashInLine, linesIn, pageOf } from "../../../core/frame.ts";
import { hashOf } from "../../../core/hash.ts";
import { encodeInline, MAX_INLINE_CONTENT, withInline } from "../../../core/inline-content.ts";
import { SmallFiles } from "../../../lib/small-files.ts";
import { pathInFolder } from "./content-path.ts";

declare const self: Worker;

/** The folder of all files, and a descriptor of it. */
export interface ReaderFolder {
  readonly path: string;
  readonly descriptor: number;
}

/** A message to the worker: first where the files are, then pages of NDJSON. It answers each page. */
export type ToReader = ReaderFolder | Uint8Array;

/** The first lines of a page, with their content. */
export interface FromReader {
  readonly bytes: Uint8Array;
  /** The number of those lines. */
  readonly lines: number;
  /** The numbers of lines, from 0, that have no content yet, because no sound file has it. */
  readonly undecided: readonly number[];
}

/** After this many bytes of content the worker leaves the other lines to the next request. */
const MAX_BYTES = 512 * 1024;

let where: ReaderFolder | undefined;
let files: SmallFiles | undefined;

self.onmessage = ({ data }: MessageEvent<ToReader>) => {
  if (!(data instanceof Uint8Array)) {
    where = data;
    files = new SmallFiles(data.descriptor, MAX_INLINE_CONTENT);
    return;
  }
  const answer = inlined(linesIn(data));
  postMessage(answer, [answer.bytes.buffer as ArrayBuffer]);
};

function inlined(lines: readonly string[]): FromReader {
  const whole: string[] = [];
  const undecided: number[] = [];
  let size = 0;
  for (const line of lines) {
    if (size >= MAX_BYTES) break;
    const hash = hashInLine(line);
    const member = hash === null ? undefined : memberOf(hash);
    if (hash !== null && member === undefined) undecided.push(whole.length);
    whole.push(member === undefined ? line : withInline(line, member));
    size += member?.length ?? 0;
  }
  return { bytes: pageOf(whole), lines: whole.length, undecided };
}

function memberOf(hash: string): string | undefined {
  const path = pathInFolder(hash);
  const bytes = files?.read(path);
  if (bytes) return hashOf(bytes) === hash ? encodeInline(bytes) : undefined;
  const size = statSync(join(where?.path ?? "", path), { throwIfNoEntry: false })?.size ?? 0;
  return size > MAX_INLINE_CONTENT ? `"content_size":${size}` : undefined;
}
