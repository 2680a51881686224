import { chunkIn } from "./chunk.ts";
import type { Frame } from "./frame.ts";
import { scopesOf } from "./topic.ts";

/** The scope of the chunks that follow a first one. No topic has a colon. */
export function chunkScope(first: string): string {
  return `chunk:${first}`;
}

/** The scope of the frames of a topic that have a `last:` ttl. */
export function lastScope(topic: string): string {
  return `last:${topic}`;
}

/**
 * Everything an encoded frame is indexed under: the scopes of its topic, that of its `last:` ttl,
 * and that of the chunked content it is a part of.
 */
export function scopesOfLine(line: string): string[] {
  const topic = topicInLine(line);
  const scopes = scopesOf(topic);
  // The ttl is the last key, and nothing in it is escaped.
  if (line.startsWith('"ttl":"last:', line.lastIndexOf('"ttl":'))) scopes.push(lastScope(topic));
  if (line.includes('"chunk":{')) {
    const chunk = chunkIn((JSON.parse(line) as Frame).meta);
    if (chunk?.of) scopes.push(chunkScope(chunk.of));
  }
  return scopes;
}

/** The topic of an encoded frame, found without parsing it. */
export function topicInLine(line: string): string {
  return line.slice('{"topic":"'.length, line.indexOf('","id":"'));
}
