import type { Client } from "../../client/client.ts";
import { XsError } from "../../core/error.ts";
import type { Frame } from "../../core/frame.ts";
import { hashOf } from "../../core/hash.ts";
import type { Json } from "../../core/json.ts";
import { Registry } from "../../processors/lifecycle/registry.ts";
import { listProcessors } from "./processors.ts";
import { linesOf } from "./response-lines.ts";

/** Names that are tried for one pattern. */
const MAX_NAMES = 1000;

/** What a handler is: its options, without the name, and its script. */
export interface Wanted {
  readonly meta: { readonly [key: string]: Json };
  readonly script: Uint8Array;
}

/**
 * The name of a handler by its patterns: `on.door` for `door.*`, `on.any.recv` for `*.recv`. Each other filter has its
 * own, if it is not long.
 */
export function nameOfPatterns(patterns: readonly string[]): string {
  const words = patterns.map((pattern) => {
    const named = pattern.replace(/^!/, "not-");
    if (/^(?:not-)?\*$/.test(named)) return named.replace("*", "all");
    return named
      .replace(/\.\*$/, "")
      .replaceAll("*", "any")
      .replace(/[^A-Za-z0-9_.-]/g, "_");
  });
  return `on.${words
    .join("-")
    .slice(0, 100)
    .replace(/\.{2,}/g, ".")
    .replace(/[.-]+$/, "")}`;
}

/** Where a handler goes: under a name that is free, or it is there already. */
export type Found = { readonly name: string; readonly isThere: boolean };

/**
 * Finds the name for a handler: the one that was asked for or, where another handler has that, one with a number.
 *
 * @param isFixed the user has chosen the name, so no other will do
 * @throws XsError `bad_request` where the name is fixed, and another handler has it, or where the same one is stopped
 */
export async function findName(
  client: Client,
  base: string,
  wanted: Wanted,
  isFixed: boolean,
): Promise<Found> {
  const live = await handlersOf(client);
  const rows = (await listProcessors(client)).filter((row) => row.kind === "handler");
  const stopped = new Map(
    rows.filter(({ state }) => state === "stopped").map((row) => [row.name, row.spawn_id]),
  );
  for (let n = 1; n <= (isFixed ? 1 : MAX_NAMES); n++) {
    const name = n === 1 ? base : `${base}-${n}`;
    const spawn = live.get(name);
    const before = stopped.get(name);
    if (spawn === undefined && before === undefined) return { name, isThere: false };
    if (spawn !== undefined && (await isSame(client, spawn, wanted)))
      return { name, isThere: true };
    if (spawn === undefined && before !== undefined && (await isSame(client, before, wanted))) {
      throw new XsError(
        "bad_request",
        `the handler ${name} has this command and is stopped: start it with  xs handler start ${name}`,
      );
    }
  }
  throw new XsError(
    "bad_request",
    `the name ${base} is another handler's: give a --name that is free, or end that one first with  xs handler rm ${base}`,
  );
}

/**
 * The spawn of each handler that runs or is to run, by its name. Of the log, because what is about to run is not in every
 * list of processors.
 */
async function handlersOf(client: Client): Promise<Map<string, string>> {
  const registry = new Registry();
  const response = await client.request("/?topic=stream.cross.handler.*");
  for await (const line of linesOf(response)) registry.apply(JSON.parse(line) as Frame);
  const found = new Map<string, string>();
  for (const { name, pending, good } of registry.entries()) {
    const spawn = pending ?? good;
    if (spawn !== undefined) found.set(name, spawn);
  }
  return found;
}

/** Whether a spawn asks for the same handler. */
async function isSame(client: Client, spawnId: string, { meta, script }: Wanted): Promise<boolean> {
  const response = await client.request(`/${spawnId}`);
  const { meta: given, hash } = (await response.json()) as Frame;
  // A handler that was stopped and started again resumes.
  const { topic: _, resume: ___, ...others } = Object(given) as { [key: string]: Json };
  const { topic: __, ...mine } = meta;
  return hash === hashOf(script) && Bun.deepEquals(others, mine);
}
