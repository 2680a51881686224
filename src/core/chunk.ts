import { quoted, XsError } from "./error.ts";
import type { Json } from "./json.ts";

/** Where chunked content is cut: as it arrives, after each line, or after each server-sent event. */
export type ChunkMode = "bytes" | "lines" | "sse";

/**
 * @param name how the user wrote the option, up to its value
 * @throws XsError `bad_option`
 */
export function parseChunkMode(text: string, name = "chunked="): ChunkMode {
  if (text === "bytes" || text === "lines" || text === "sse") return text;
  throw new XsError("bad_option", `${name}${quoted(text)} is not one of bytes, lines, sse`);
}

/** The place of a frame in chunked content: `meta.chunk`. */
export interface Chunk {
  /** Id of the first chunk; null on the first itself. */
  of: string | null;
  /** From 0 up. */
  index: number;
  /** False on the last, which has no content. */
  more: boolean;
  /** The sender stopped before the content was complete. */
  aborted?: true;
}

/** Reads `chunk` from a frame's meta; undefined if it is missing or malformed. */
export function chunkIn(meta: Json): Chunk | undefined {
  if (typeof meta !== "object" || meta === null || Array.isArray(meta)) return undefined;
  const { chunk } = meta;
  if (typeof chunk !== "object" || chunk === null || Array.isArray(chunk)) return undefined;
  const { of, index, more } = chunk;
  const known = of === null || (typeof of === "string" && /^[0-9a-z]{25}$/.test(of));
  if (!known || !Number.isInteger(index) || typeof more !== "boolean") return undefined;
  return chunk as unknown as Chunk;
}
