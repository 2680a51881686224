import { chunkIn } from "./chunk.ts";
import type { Frame } from "./frame.ts";

/** The members of a meta that name another frame, each with its number in the table `links`. */
export const LINKS = {
  frame_id: 1,
  handler_id: 2,
  spawn_id: 3,
  request_id: 4,
  /** `chunk.of`: the first frame of a chunked content. */
  chunk: 5,
} as const;

/** A frame that another names. */
export interface Link {
  readonly id: string;
  readonly kind: number;
}

const MEMBERS = ["frame_id", "handler_id", "spawn_id", "request_id"] as const;
const ID = /^[0-9a-z]{25}$/;
/** Text that each line with a link has. */
const MAY_LINK = /"(?:(?:frame|handler|spawn|request)_id"|chunk":\{)/;

/** The links of an encoded frame: the ids of the frames that its meta names. */
export function linksOfLine(line: string): readonly Link[] {
  if (!MAY_LINK.test(line)) return NONE;
  const { meta } = JSON.parse(line) as Frame;
  if (typeof meta !== "object" || meta === null || Array.isArray(meta)) return NONE;
  const links: Link[] = [];
  for (const name of MEMBERS) {
    const id = meta[name];
    if (typeof id === "string" && ID.test(id)) links.push({ id, kind: LINKS[name] });
  }
  const of = chunkIn(meta)?.of;
  if (of) links.push({ id: of, kind: LINKS.chunk });
  return links;
}

const NONE: readonly Link[] = [];
