import type { Json } from "../../../../core/json.ts";
import { ask, askJson, isAbort, Problem } from "../../lib/ask.ts";
import type { Frame } from "../../lib/frame.ts";
import { jsonLines } from "../../lib/lines.ts";
import type { Processor } from "./processor.ts";
import { type Source, sourceOf } from "./source.ts";

/** How many spawns one request looks at, and how many requests there are: other processors have the same topic. */
const PAGE = 200;
const MAX_PAGES = 5;

/** A spawn with its script. */
export interface Spawn {
  readonly frame: Frame;
  readonly source: Source;
  /** The text of the script; undefined where it is gone. */
  readonly script: string | undefined;
}

/** Reads a spawn with its script. @throws Problem */
export async function readSpawn(id: string, signal: AbortSignal): Promise<Spawn> {
  const frame = await askJson<Frame>(`/${id}`, signal);
  const script = await scriptOf(frame, signal);
  return { frame, script, source: sourceOf(script ?? "") };
}

async function scriptOf({ id, hash }: Frame, signal: AbortSignal): Promise<string | undefined> {
  if (hash === null) return "";
  try {
    return await (await ask(`/${id}/content`, { signal })).text();
  } catch (error) {
    if (isAbort(error) || !(error instanceof Problem) || error.status !== 404) throw error;
    return undefined;
  }
}

/**
 * Finds the newest spawn of a processor before one, with another script or other options: a start and a restart repeat
 * the spawn. It looks at a thousand spawns at most.
 *
 * @throws Problem
 */
export async function spawnBefore(
  { kind, name }: Pick<Processor, "kind" | "name">,
  spawn: Frame,
  signal: AbortSignal,
): Promise<Spawn | undefined> {
  const topic =
    kind === "handler"
      ? "stream.cross.handler.spawn"
      : "stream.cross.generator.spawn,stream.cross.duplex.spawn";
  let before = spawn.id;
  for (let page = 0; page < MAX_PAGES; page++) {
    const query = new URLSearchParams({
      topic,
      order: "desc",
      limit: `${PAGE}`,
      "last-id": before,
    });
    const frames = await jsonLines<Frame>(await ask(`/?${query}`, { signal }));
    const found = frames.find(
      (frame) => Object(frame.meta).topic === name && !isRepeated(frame, spawn),
    );
    if (found) return readSpawn(found.id, signal);
    if (frames.length < PAGE) return undefined;
    before = frames.at(-1)?.id ?? before;
  }
  return undefined;
}

function isRepeated(a: Frame, b: Frame): boolean {
  return a.hash === b.hash && optionsText(a) === optionsText(b);
}

/** The members of a spawn that are no options: the runtime adds all but the first where it repeats one. */
const NO_OPTIONS = new Set(["topic", "resume", "handler_id", "frame_id", "by"]);

/** The options of a spawn by name. */
export function optionsOf({ meta }: Frame): [name: string, value: Json][] {
  return Object.entries(Object(meta) as { [name: string]: Json })
    .filter(([name]) => !NO_OPTIONS.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The options as text, a line each. */
export function optionsText(frame: Frame): string {
  return optionsOf(frame)
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
    .join("\n");
}
