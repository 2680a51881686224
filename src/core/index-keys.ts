import { chunkIn } from "./chunk.ts";
import type { Frame } from "./frame.ts";
import { scopesOf } from "./pattern.ts";

/** The scope of the chunks that follow a first chunk. The colon keeps it apart from every topic. */
export function chunkScope(first: string): string {
  return `chunk:${first}`;
}

/** The scope of the frames of a topic that have a `last:` ttl. */
export function lastScope(topic: string): string {
  return `last:${topic}`;
}

/**
 * All scopes that index an encoded frame: those of its topic, one for a `last:` ttl, and one for the
 * chunked content it belongs to.
 */
export function scopesOfLine(line: string): string[] {
  const topic = topicInLine(line);
  const scopes = scopesOf(topic);
  // The ttl is the last key, and JSON escapes none of its characters.
  if (line.startsWith('"ttl":"last:', line.lastIndexOf('"ttl":'))) scopes.push(lastScope(topic));
  if (line.includes('"chunk":{')) {
    const chunk = chunkIn((JSON.parse(line) as Frame).meta);
    if (chunk?.of) scopes.push(chunkScope(chunk.of));
  }
  return scopes;
}

/** The topic of an encoded frame, found without parsing. */
export function topicInLine(line: string): string {
  return line.slice('{"topic":"'.length, line.indexOf('","id":"'));
}
