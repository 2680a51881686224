import type { Client } from "../../client/client.ts";
import { XsError } from "../../core/error.ts";
import { idInLine } from "../../core/frame.ts";
import { topicInLine } from "../../core/index-keys.ts";
import { linesOf } from "../kit/response-lines.ts";
import type { Bounds } from "./bounds.ts";

/** A frame of a trace, as the API returns it with `content=inline`, and how many steps away it is. */
export interface Step {
  readonly line: string;
  readonly depth: number;
}

/** Where a trace begins, and where it goes. */
export interface Trace {
  readonly id: string;
  readonly direction: "causes" | "effects";
  /** Only what follows this frame. */
  readonly after: string | undefined;
}

/**
 * Yields the frames that a frame came of, or that came of it: nearest first, each once. It does not go through a frame
 * that the bounds hide.
 */
export function traced(
  client: Client,
  trace: Trace,
  bounds: Bounds,
  signal: AbortSignal,
): AsyncGenerator<Step> {
  const walk = bounds.sees.readsEverything ? asked : walked;
  return walk(client, trace, bounds, signal);
}

/** Lets the server walk. */
async function* asked(
  client: Client,
  { id, direction, after }: Trace,
  _: Bounds,
  signal: AbortSignal,
): AsyncGenerator<Step> {
  const query = new URLSearchParams({
    "with-depth": "true",
    content: "inline",
    ...(after !== undefined && { after }),
  });
  const response = await client.request(`/${id}/${direction}?${query}`, { signal });
  for await (const line of linesOf(response)) {
    const { depth } = JSON.parse(line) as { depth: number };
    yield { line, depth };
  }
}

/** Walks itself, a step at a time: the server would go through frames that the bounds hide. */
async function* walked(
  client: Client,
  { id, direction, after }: Trace,
  bounds: Bounds,
  signal: AbortSignal,
): AsyncGenerator<Step> {
  const seen = new Set([id]);
  const open = [{ id, depth: 0 }];
  let isBehind = after === undefined;
  for (const from of open) {
    const path = `/${from.id}/${direction}?depth=1&content=inline`;
    const response = await client.request(path, { signal });
    const depth = from.depth + 1;
    for await (const line of linesOf(response)) {
      const found = idInLine(line);
      if (seen.has(found) || !bounds.shows(topicInLine(line))) continue;
      seen.add(found);
      open.push({ id: found, depth });
      if (isBehind) yield { line, depth };
      else isBehind = found === after;
    }
  }
  if (!isBehind)
    throw new XsError("not_found", `there is no frame ${after} among the ${direction}`);
}
