import { existsSync } from "node:fs";
import { join } from "node:path";
import { XsError } from "../core/error.ts";
import { idInLine } from "../core/frame.ts";
import { INDEX } from "../store/is-store.ts";
import type { Store } from "../store/store.ts";
import type { Direction } from "../store/types.ts";
import { version } from "../version.ts";
import type { Call } from "./call.ts";
import { uncachedJson } from "./json-response.ts";

/**
 * Responds with facts about the store. It waits until everything that was committed before the request, and everything
 * that the facts count, is durable. A token gets no fact that reveals what it may not see.
 *
 * @throws XsError as a write does
 */
export async function info({ store, access, context }: Call): Promise<Response> {
  const serves = context.server !== undefined;
  if (access) {
    const { name, read, append, keys, all } = access.scope;
    const ends = read.length > 0 ? await endsOf(store) : {};
    await store.whenDurable();
    return uncachedJson({ version, serves, ...ends, token: { name, read, append, keys, all } });
  }
  const { schema, frames, topics, entries, databaseBytes, freeBytes, refusal, hasEffects } =
    store.info;
  const facts = {
    version,
    serves,
    path: store.path,
    ...(await endsOf(store)),
    frames,
    topics,
    entries,
    database_bytes: databaseBytes,
    free_bytes: freeBytes,
    schema,
    writable: refusal === undefined,
    ...(refusal && { reason: refusal.message }),
    features: {
      search: existsSync(join(store.path, INDEX)),
      effects: hasEffects,
      ...(context.nodes && { nodes: true }),
    },
    ...(context.server && { server: context.server() }),
  };
  await store.whenDurable();
  return uncachedJson(facts);
}

/** The ids of the oldest and of the newest frame; null where there is none, or where it is damaged. */
async function endsOf(store: Store): Promise<{ first: string | null; last: string | null }> {
  // "" is below every id, "~" above.
  return { first: await idAt(store, "", "next"), last: await idAt(store, "~", "previous") };
}

async function idAt(store: Store, edge: string, direction: Direction): Promise<string | null> {
  try {
    const line = await store.newestDurable(edge, direction);
    return line === undefined ? null : idInLine(line);
  } catch (error) {
    // Whoever looks for what is wrong needs the other facts.
    if (error instanceof XsError && error.code === "frame_damaged") return null;
    throw error;
  }
}
