import { XsError } from "../../core/error.ts";
import { MAX_SMALL_CONTENT } from "../../store/content.ts";
import type { Blobs } from "../../store/journal/journal.ts";
import type { SqliteStore } from "../../store/sqlite/engine.ts";
import { makeSnapshot } from "./make.ts";

/**
 * Brings a store that was on one machine into an empty journal: its large content into blobs, and all the rest into a
 * snapshot at position 0. The store gets a hash, as if a record had made all of it, which the first record names: a node
 * without that snapshot cannot take the record. Killed in the middle, it is done again at the next start.
 */
export async function moveIn(store: SqliteStore, blobs: Blobs): Promise<void> {
  const { replica, content } = store;
  const { remote, files } = content;
  if (!replica || !remote) throw new XsError("internal", "the store has no journal");
  const { state, commits } = replica;
  if (state.chain.every((byte) => byte === 0)) {
    const chain = crypto.getRandomValues(new Uint8Array(32));
    await commits.local(() => state.write(0, chain, replica.newest));
    state.committed();
  }
  for await (const hash of files.list()) {
    const size = files.stateOf(hash)?.size ?? 0;
    if (size <= MAX_SMALL_CONTENT || replica.blobs.find(hash)) continue;
    // What is damaged is left out, and stays damaged: a check reports it.
    const taken = await remote.put({ hash, size }).catch(orDamaged);
    const name = taken?.blob;
    if (name !== undefined) await commits.local(() => replica.blobs.add(hash, size, name));
  }
  replica.blobs.takeChanges();
  await makeSnapshot(store, blobs);
}

function orDamaged(error: unknown): undefined {
  if (error instanceof XsError && error.code === "content_damaged") return undefined;
  throw error;
}
