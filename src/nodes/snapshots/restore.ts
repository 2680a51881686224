import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { XsError } from "../../core/error.ts";
import { hashOf } from "../../core/hash.ts";
import { syncNow } from "../../lib/fsync.ts";
import { diskFull, isNoSpace } from "../../store/failures.ts";
import { DATABASE, INDEX } from "../../store/is-store.ts";
import type { Blobs } from "../../store/journal/journal.ts";
import { PRIVATE_FILE, PRIVATE_FOLDER } from "../../store/modes.ts";
import { openForReading } from "../../store/sqlite/connection.ts";
import { ContentFiles } from "../../store/sqlite/content/cacache-files.ts";
import type { BlobRow } from "../../store/sqlite/replica/blob-rows.ts";
import { replicaIn } from "../../store/sqlite/replica/replica-state.ts";
import { SCHEMA } from "../../store/sqlite/schema.ts";
import { type SmallContent, type SnapshotHead, SnapshotReader } from "./format.ts";
import { COPY } from "./make.ts";

const RESTORE = /^restore-[0-9a-f-]{36}$/;
/** The most contents, and their bytes, that are put into files together. */
const MAX_BATCH = 1000;
const MAX_BATCH_BYTES = 16 * 1024 * 1024;

/** What a snapshot has to be. */
export interface Wanted {
  /** The name of the journal, and the cluster key. */
  readonly journal: string;
  readonly key: Uint8Array;
}

/** Removes what a process that was killed has left in the directory of a node. */
export function removeLeftovers(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (RESTORE.test(name) || COPY.test(name))
      rmSync(join(directory, name), { recursive: true, force: true });
  }
}

/**
 * Makes a directory what a snapshot is: all of it is written and checked beside what is there, and takes its place at
 * the end. Killed before, it leaves the directory as it was, or without a store; large content that it has stays. Under
 * the lock of the directory.
 *
 * @throws XsError `journal_damaged`, `content_damaged`, `store_too_new`, `journal_unreachable`, `disk_full`
 */
export async function restoreSnapshot(
  directory: string,
  blobs: Blobs,
  name: string,
  wanted: Wanted,
): Promise<SnapshotHead> {
  const stream = await blobs.open(name);
  if (!stream) throw new XsError("journal_damaged", `the snapshot ${name} is gone`);
  const reader = new SnapshotReader(stream, wanted.key);
  const folder = join(directory, `restore-${crypto.randomUUID()}`);
  mkdirSync(folder, { mode: PRIVATE_FOLDER });
  try {
    const head = await reader.head();
    checkHead(head, wanted);
    const database = join(folder, DATABASE);
    await writeFile(database, reader.database(head.databaseBytes));
    const files = new ContentFiles(join(folder, "cacache"));
    await files.prepare();
    await putContents(files, reader.contents());
    const large = largeContents(database, head);
    await takeOver(directory, files, large);
    putInPlace(directory, folder);
    return head;
  } catch (error) {
    throw isNoSpace(error) ? diskFull(error) : error;
  } finally {
    await reader.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function checkHead(head: SnapshotHead, { journal }: Wanted): void {
  if (head.journal !== journal) {
    throw new XsError("journal_damaged", `the snapshot is of the journal ${head.journal}`);
  }
  if (head.schema > SCHEMA) {
    throw new XsError(
      "store_too_new",
      `the snapshot has schema ${head.schema} and this xs knows up to ${SCHEMA}: use the xs of the other nodes`,
    );
  }
}

async function writeFile(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, "wx", PRIVATE_FILE);
  try {
    for await (const chunk of chunks) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function putContents(
  files: ContentFiles,
  contents: AsyncIterable<SmallContent>,
): Promise<void> {
  let batch: SmallContent[] = [];
  let size = 0;
  for await (const { hash, bytes } of contents) {
    if (hashOf(bytes) !== hash) throw new XsError("journal_damaged", "a content of it is damaged");
    // A copy: the piece of the stream in which it is may be large.
    batch.push({ hash, bytes: new Uint8Array(bytes) });
    size += bytes.length;
    if (batch.length < MAX_BATCH && size < MAX_BATCH_BYTES) continue;
    await files.putAll(batch);
    batch = [];
    size = 0;
  }
  if (batch.length > 0) await files.putAll(batch);
}

/** The large contents that a database names, once it is what the head says. */
function largeContents(database: string, head: SnapshotHead): BlobRow[] {
  const db = openForReading(database);
  try {
    const state = replicaIn(db);
    if (state?.applied !== head.position || state.chain !== head.chain) {
      throw new XsError("journal_damaged", "the database of the snapshot is of another record");
    }
    return db.query("SELECT hash, size, name FROM blobs").all() as BlobRow[];
  } finally {
    db.close();
  }
}

/** Takes over the large files that the directory has. */
async function takeOver(
  directory: string,
  files: ContentFiles,
  large: readonly BlobRow[],
): Promise<void> {
  const old = new ContentFiles(join(directory, "cacache"));
  for (const { hash, size } of large) {
    if (old.stateOf(hash)?.size === size) await files.adopt({ hash, size }, old.pathOf(hash));
  }
}

/** Puts what is in a folder into the place of the store of a directory. */
function putInPlace(directory: string, folder: string): void {
  // From here on, until the new database is there, the old one is behind the journal, or gone: a start begins anew.
  for (const name of readdirSync(directory)) {
    const isOfDatabase = name.startsWith(`${DATABASE}-`) || name.startsWith(INDEX);
    if (isOfDatabase) rmSync(join(directory, name), { force: true });
  }
  const content = join(directory, "cacache");
  if (existsSync(content)) renameSync(content, join(folder, "old"));
  renameSync(join(folder, "cacache"), content);
  renameSync(join(folder, DATABASE), join(directory, DATABASE));
  syncNow(directory);
}
