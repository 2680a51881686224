import { chunkIn } from "./chunk.ts";
import type { Frame } from "./frame.ts";

/**
 * The members of a meta that name another frame, each with its number in the table `links`. A commit adds those of
 * chunks; the others are for an index of causes, which is made behind the log so that no append pays for it.
 */
export const LINKS = {
  frame_id: 1,
  handler_id: 2,
  spawn_id: 3,
  request_id: 4,
  /** `chunk.of`: the first frame of a chunked content. */
  chunk: 5,
} as const;

const CHUNK = '"chunk":{';

/** The id of the first frame of the chunked content to which an encoded frame belongs; undefined for any other. */
export function firstChunkOf(line: string): string | undefined {
  if (!line.includes(CHUNK)) return undefined;
  return chunkIn((JSON.parse(line) as Frame).meta)?.of ?? undefined;
}
