import { linksIn } from "../../../../core/links.ts";
import { ask } from "../../lib/ask.ts";
import type { Frame } from "../../lib/frame.ts";
import { jsonLines } from "../../lib/lines.ts";

/** How many causes, or effects, one request asks for. */
export const PART = 100;

/** A frame that is related to the one that is shown. */
export interface Related {
  readonly frame: Frame;
  /** How many steps away it is. */
  readonly depth: number;
  /** The frames that it names in its meta, with the member that does it. */
  readonly names: ReadonlyMap<string, string>;
}

/** Some related frames, nearest first. */
export interface RelatedList {
  readonly all: readonly Related[];
  readonly hasMore: boolean;
}

export const NONE: RelatedList = { all: [], hasMore: false };

/**
 * Reads what a frame came of, or what came of it, behind what was read before.
 *
 * @throws Problem
 */
export async function readRelated(
  id: string,
  which: "causes" | "effects",
  before: RelatedList,
  signal: AbortSignal,
): Promise<RelatedList> {
  // One more tells whether there are more.
  const query = new URLSearchParams({ "with-depth": "true", limit: `${PART + 1}` });
  const last = before.all.at(-1);
  if (last) query.set("after", last.frame.id);
  const found = await jsonLines(await ask(`/${id}/${which}?${query}`, { signal }), relatedIn);
  return { all: [...before.all, ...found.slice(0, PART)], hasMore: found.length > PART };
}

function relatedIn(line: string): Related {
  const { depth, ...frame } = JSON.parse(line) as Frame & { depth: number };
  return { frame, depth, names: namesIn(line) };
}

/** What a frame names in its meta. Of several members that name the same, the first. */
export function namesIn(line: string): ReadonlyMap<string, string> {
  return new Map(
    linksIn(line)
      .reverse()
      .map(({ id, name }) => [id, name === "chunk" ? "chunk.of" : name]),
  );
}
