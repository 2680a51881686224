import { createReadStream, openSync, statSync } from "node:fs";
import { streamOf } from "../../lib/streams.ts";
import { counted } from "./progress.ts";

/** Bytes per read of a file. */
const CHUNK_BYTES = 256 * 1024;

/**
 * Streams a file as a request body. A missing file throws at once, before the stream is read.
 *
 * @param onProgress receives the part that was read so far, from 0 to 1
 */
export function readFile(
  path: string,
  onProgress: (part: number) => void,
): ReadableStream<Uint8Array> {
  const file = openSync(path, "r");
  const { size } = statSync(path);
  const chunks = createReadStream(path, { fd: file, highWaterMark: CHUNK_BYTES });
  return streamOf(counted(chunks, (bytes) => onProgress(bytes / size)));
}
