import { chunkIn } from "./chunk.ts";
import type { Frame } from "./frame.ts";
import { isId } from "./id.ts";

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

/** One frame that another names, and the member that does it. */
export interface Link {
  readonly name: keyof typeof LINKS;
  readonly id: string;
}

/** The members whose value is an id, in the order of causes: what happened comes before what ran. */
const MEMBERS = ["frame_id", "request_id", "spawn_id", "handler_id"] as const;

/** In each line that has one of these members, and in few others: a line without it need not be parsed. */
export const MEMBER = '_id":"';

/** The frames that an encoded frame names in its meta: its causes, the nearest to what happened first. */
export function linksIn(line: string): Link[] {
  const hasMember = line.includes(MEMBER);
  if (!hasMember && !line.includes(CHUNK)) return [];
  const { meta } = JSON.parse(line) as Frame;
  if (typeof meta !== "object" || meta === null || Array.isArray(meta)) return [];
  const links: Link[] = [];
  for (const name of MEMBERS) {
    const id = meta[name];
    if (typeof id === "string" && isId(id)) links.push({ name, id: id.toLowerCase() });
  }
  const of = chunkIn(meta)?.of;
  if (of) links.push({ name: "chunk", id: of });
  return links;
}
