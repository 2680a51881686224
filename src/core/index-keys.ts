import { firstChunkOf } from "./links.ts";
import { scopesOf } from "./pattern.ts";

const CHUNKS = "chunk:";

/** The key that selects the chunks after a first one. The colon keeps it apart from every topic. */
export function chunkKey(first: string): string {
  return CHUNKS + first;
}

/** The id of the first chunk in such a key; undefined for a topic. */
export function contentOfChunkKey(key: string): string | undefined {
  return key.startsWith(CHUNKS) ? key.slice(CHUNKS.length) : undefined;
}

/** The keys by which readers select a frame: those of its topic, and one for the chunked content it belongs to. */
export function keysOf(topic: string, line: string): string[] {
  const first = firstChunkOf(line);
  return first === undefined ? scopesOf(topic) : [...scopesOf(topic), chunkKey(first)];
}

/** The topic of an encoded frame, found without parsing. */
export function topicInLine(line: string): string {
  return line.slice('{"topic":"'.length, line.indexOf('","id":"'));
}
