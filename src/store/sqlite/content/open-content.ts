import type { Database } from "bun:sqlite";
import type { Background } from "../background.ts";
import type { Transaction } from "../commit/transaction.ts";
import type { InPlace } from "../in-place.ts";
import type { Replica } from "../replica/replica.ts";
import { ContentFiles } from "./cacache-files.ts";
import { Collector } from "./collector.ts";
import { ContentStore } from "./content.ts";
import { FlushSchedule } from "./flush-schedule.ts";
import { Flusher } from "./flusher.ts";
import { ContentFolder } from "./folder.ts";
import { FreedFiles } from "./freed-files.ts";
import { Homes } from "./homes.ts";
import { Pins } from "./pins.ts";
import { ContentReaders } from "./readers.ts";
import { RemoteContent } from "./remote.ts";
import type { ContentTables } from "./tables.ts";

/** What content stands on. */
export interface ContentBase {
  /** The path of the database, which other threads open to read. */
  readonly database: string;
  /** The cacache directory. */
  readonly root: string;
  readonly db: Database;
  readonly tables: ContentTables;
  readonly background: Background;
  readonly place: InPlace;
  /** Of a store on several machines. */
  readonly replica: Replica | undefined;
  /** Runs a write in the next commit. */
  write<T>(run: (transaction: Transaction) => T): Promise<T>;
  /** The same for what concerns this directory alone. */
  local<T>(run: (transaction: Transaction) => T): Promise<T>;
  /** Runs a read. Throws its failure as an XsError. */
  guard<T>(run: () => T): T;
  /** @throws XsError where the store takes no writes any more */
  checkWritable(): void;
  /** Reports a failure that no caller waits for. */
  failed(error: Error): void;
}

/** Puts the parts of the content together, each on those below it. */
export function openContent(base: ContentBase) {
  const { database, root } = base;
  const files = new ContentFiles(root);
  const folder = new ContentFolder(files, base.place);
  const homes = new Homes(base.tables.staged, files, base.replica?.blobs);
  const pins = new Pins();
  const thread = new Flusher({ database, root }, base.background);
  const flushes = new FlushSchedule({ ...base, files, folder, thread });
  const freedFiles = new FreedFiles({ ...base, files, flushes, pins });
  const readers = new ContentReaders(files.folder, base.background);
  const { replica } = base;
  const remote =
    replica &&
    new RemoteContent({ blobs: replica.options.blobs, rows: replica.blobs, files, folder });
  const collector = new Collector({ ...base, files, homes, pins, freedFiles, remote });
  const parts = { files, folder, homes, pins, flushes, freedFiles, collector, readers, remote };
  return { content: new ContentStore({ ...base, ...parts }), flushes, collector, readers };
}
