import { rmSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { XsError } from "../../core/error.ts";
import { hashOf } from "../../core/hash.ts";
import { MAX_SMALL_CONTENT } from "../../store/content.ts";
import { DATABASE } from "../../store/is-store.ts";
import type { Blobs } from "../../store/journal/journal.ts";
import { openForReading } from "../../store/sqlite/connection.ts";
import type { SqliteStore } from "../../store/sqlite/engine.ts";
import { copyDatabase } from "../../store/sqlite/replica/copy.ts";
import { replicaIn } from "../../store/sqlite/replica/replica-state.ts";
import { SCHEMA } from "../../store/sqlite/schema.ts";
import { type SmallContent, type SnapshotHead, snapshotBytes, snapshotName } from "./format.ts";

/** The name of the copy of the database from which a snapshot is made, in the directory of the store. */
export const COPY = /^snapshot-[0-9a-f-]{36}\.db/;

/**
 * Puts all that a node has, but its large content, into a blob. Writes go on meanwhile. Resolves to its head.
 *
 * @throws XsError `content_damaged` where this node has lost something; `journal_unreachable`, `disk_full`
 */
export async function makeSnapshot(
  store: SqliteStore,
  blobs: Blobs,
  signal?: AbortSignal,
): Promise<SnapshotHead> {
  const { replica, path } = store;
  if (!replica) throw new XsError("internal", "the store has no journal");
  const copy = join(path, `snapshot-${crypto.randomUUID()}.db`);
  try {
    await copyDatabase(join(path, DATABASE), copy, signal);
    const head = await headOf(copy);
    const bytes = snapshotBytes(
      head,
      Bun.file(copy).stream() as AsyncIterable<Uint8Array>,
      smallContents(store),
      replica.options.key,
    );
    await blobs.put(snapshotName(head), unlessAborted(bytes, signal));
    return head;
  } finally {
    for (const end of ["", "-journal"]) rmSync(copy + end, { force: true });
  }
}

async function* unlessAborted(
  chunks: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    signal?.throwIfAborted();
    yield chunk;
  }
}

async function headOf(copy: string): Promise<SnapshotHead> {
  const db = openForReading(copy);
  try {
    const state = replicaIn(db);
    if (!state) throw new XsError("internal", "the copy has no journal");
    const { journal, applied: position, chain, newest, bytes: recordBytes = 0 } = state;
    const { size: databaseBytes } = await stat(copy);
    return {
      version: 1,
      journal,
      position,
      chain,
      newest,
      schema: SCHEMA,
      recordBytes,
      databaseBytes,
    };
  } finally {
    db.close();
  }
}

/** The small content that is in files. What is freed meanwhile is in no frame of the copy that is still there. */
async function* smallContents({ content: { files } }: SqliteStore): AsyncGenerator<SmallContent> {
  for await (const hash of files.list()) {
    const size = files.stateOf(hash)?.size;
    if (size === undefined || size > MAX_SMALL_CONTENT) continue;
    let bytes: Uint8Array;
    try {
      bytes = await Bun.file(files.pathOf(hash)).bytes();
    } catch (error) {
      if ((error as { code?: string }).code === "ENOENT") continue;
      throw error;
    }
    if (hashOf(bytes) !== hash) {
      throw new XsError(
        "content_damaged",
        `the stored content of ${hash} is damaged: no snapshot is made of this node`,
      );
    }
    yield { hash, bytes };
  }
}
