import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { shellWord, XsError } from "../../core/error.ts";
import { makeDirectory } from "../../lib/fsync.ts";
import { DATABASE, isStore } from "../../store/is-store.ts";
import type { Cluster } from "../../store/journal/journal.ts";
import { letOwnerIn, PRIVATE_FOLDER } from "../../store/modes.ts";
import { openForReading } from "../../store/sqlite/connection.ts";
import { tryLock } from "../../store/sqlite/lock.ts";
import { isStoreOrEmpty } from "../../store/sqlite/open.ts";
import { replicaIn } from "../../store/sqlite/replica/replica-state.ts";
import { positionIn, SNAPSHOT_PREFIX } from "./format.ts";
import { removeLeftovers, restoreSnapshot } from "./restore.ts";

/** What a directory becomes a node with. */
export interface Preparing {
  /** The name of the journal, and its extent. */
  readonly name: string;
  readonly extent: { readonly first: number; readonly last: number };
  readonly key: Uint8Array;
  readonly cluster: Cluster;
  /** Called under the lock of the directory, when it is known that it becomes a node. It may be called twice. */
  readonly begins: () => void;
  /** Called with a sentence for whoever runs it: that something is wrong, or only news. */
  readonly report: (message: string, isNews?: boolean) => void;
}

/** What is in a directory. */
interface Found {
  /** The last record that it has, and its hash; undefined where it is of no journal. */
  readonly applied?: number;
  readonly chain?: string;
  /** It has frames, or entries. */
  readonly hasFrames: boolean;
}

/**
 * Makes a directory ready to follow its journal: one that is new, or so far behind that records are gone, takes the
 * newest sound snapshot. Resolves to whether it brings a store into an empty journal.
 *
 * @throws XsError `journal_trimmed` where no snapshot is sound; `bad_option` where it has a store of its own
 */
export async function prepareDirectory(directory: string, uses: Preparing): Promise<boolean> {
  // What is wrong with it is said when it is opened.
  if (!isStoreOrEmpty(directory)) return false;
  makeDirectory(directory, PRIVATE_FOLDER);
  letOwnerIn();
  const lock = tryLock(directory);
  if (!lock) return false;
  try {
    removeLeftovers(directory);
    const movesIn = await prepare(directory, uses);
    uses.begins();
    return movesIn;
  } finally {
    lock.release();
  }
}

/** Whether the store of a directory is on its way into an empty journal. */
export function isMovingIn(directory: string): boolean {
  const { applied, chain = "" } = look(directory);
  return applied === 0 && /[^0]/.test(chain);
}

async function prepare(directory: string, uses: Preparing): Promise<boolean> {
  const { extent, name } = uses;
  const { applied, chain = "", hasFrames } = look(directory);
  const isEmpty = extent.last === 0;
  if (applied === undefined && hasFrames) {
    if (isEmpty && (await snapshotsIn(uses)).length === 0) return true;
    throw new XsError(
      "bad_option",
      `--journal: ${directory} has frames of its own, and the store ${name} has begun already: to bring them into it, export them ( xs export ${shellWord(directory)} > store.tar ) and import that on a node; to make one more node, name an empty directory`,
    );
  }
  // It was on its way into the journal when it was killed.
  if (applied === 0 && isEmpty && /[^0]/.test(chain)) return true;
  const isNew = applied === undefined || (applied === 0 && !/[^0]/.test(chain));
  const isBehind = (applied ?? 0) + 1 < extent.first;
  if (!isBehind && !isNew) return false;
  const snapshots = await snapshotsIn(uses);
  if (!isBehind && snapshots.length === 0) return false;
  uses.begins();
  const reason = await restoreNewest(directory, uses, snapshots);
  if (reason !== undefined && isBehind) {
    throw new XsError(
      "journal_trimmed",
      `the journal begins at record ${extent.first}, and no snapshot of what was before it is sound (${reason}): make one on a node that works, with  xs gc --erase  there, and start this one again`,
    );
  }
  return false;
}

/** The names of the snapshots, the newest first. */
async function snapshotsIn({ cluster }: Preparing): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of cluster.blobs.list(SNAPSHOT_PREFIX)) found.push(name);
  return found.sort((one, other) => positionIn(other) - positionIn(one));
}

/** Resolves to undefined, or to why no snapshot is restored. */
async function restoreNewest(
  directory: string,
  { cluster, name, key, extent, report }: Preparing,
  snapshots: readonly string[],
): Promise<string | undefined> {
  let reason = "there is none";
  for (const snapshot of snapshots) {
    if (positionIn(snapshot) + 1 < extent.first || positionIn(snapshot) > extent.last) continue;
    const news = `taking the snapshot of record ${positionIn(snapshot)}: this node serves when it has all of it`;
    report(news, true);
    try {
      await restoreSnapshot(directory, cluster.blobs, snapshot, { journal: name, key });
      return undefined;
    } catch (error) {
      const isItself =
        error instanceof XsError &&
        (error.code === "journal_damaged" || error.code === "content_damaged");
      if (!isItself) throw error;
      reason = `${snapshot}: ${error.message}`;
      report(`a snapshot of the store is left out: ${error.message}`);
    }
  }
  return reason;
}

function look(directory: string): Found {
  const database = join(directory, DATABASE);
  if (!isStore(directory)) return { hasFrames: false };
  try {
    const db = openForReading(database);
    try {
      const has = (table: string) => db.query(`SELECT 1 FROM ${table} LIMIT 1`).get() !== null;
      const tables = db.query("SELECT name FROM sqlite_schema WHERE type = 'table'").all() as {
        name: string;
      }[];
      const there = new Set(tables.map((table) => table.name));
      const state = there.has("facts") ? replicaIn(db) : undefined;
      const hasFrames = ["frames", "kv"].some((table) => there.has(table) && has(table));
      if (!state) return { hasFrames };
      return { applied: state.applied, chain: state.chain, hasFrames };
    } finally {
      db.close();
    }
  } catch {
    // It is damaged, or not migrated to its end: opening it says so.
    return { hasFrames: existsSync(database) && readdirSync(directory).length > 0 };
  }
}
