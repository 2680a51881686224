import { constants, Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { XsError } from "../../../core/error.ts";
import type { Migration, MigrationListener } from "../../migration.ts";
import { immutableUri } from "../connection.ts";
import { Facts } from "../facts.ts";
import { makePrivateFile } from "../own-files.ts";
import { createTables, IS_UP_TO_DATE, SCHEMA } from "../schema.ts";
import { checkCounts, copyTables } from "./copy-tables.ts";
import { placeDamaged } from "./damaged.ts";
import { removeNext, stateOf } from "./files.ts";
import { FrameCopy, type Step } from "./frames.ts";

/** Pages that one transaction changes stay in memory until it ends, up to so many KiB. */
const CACHE_KIB = 64 * 1024;

/** What is done, and what is damaged. Both go with the last transaction. */
const STATE = `
  CREATE TABLE migrating (source TEXT NOT NULL, frames INTEGER NOT NULL, after TEXT NOT NULL) STRICT;
  CREATE TABLE damaged (seq INTEGER PRIMARY KEY, id ANY) STRICT;
`;
const END_STATE = "DROP TABLE migrating; DROP TABLE damaged;";

/** The state of a rewrite, in its own file. */
interface RewriteState {
  /** The state of the source when it began. */
  readonly source: string;
  /** How many frames the source has. */
  readonly frames: number;
  /** The id of the last one that is done. */
  readonly after: string;
}

/**
 * Rewrites a database of an older schema, which nobody changes meanwhile, into another file. Where that has a part of
 * it already, it goes on from there. Every step is a transaction, synced, so that a kill or a power cut undoes no more
 * than one.
 *
 * @throws XsError `store_damaged`
 */
export function rewrite(
  source: string,
  next: string,
  about: Omit<Migration, "frames" | "done" | "to">,
  {
    listener,
    step,
  }: { readonly listener?: MigrationListener | undefined; readonly step?: Step | undefined },
): void {
  const db = goOn(source, next) ?? begin(source, next);
  try {
    const state = stateIn(db);
    const copy = new FrameCopy(db, step);
    listener?.begins({ ...about, to: SCHEMA, frames: state.frames, done: copy.count });
    let after = state.after;
    const move = db.query("UPDATE migrating SET after = ?");
    for (;;) {
      const last = db.transaction(() => {
        const last = copy.step(after);
        if (last !== undefined) move.run(last);
        return last;
      })();
      if (last === undefined) break;
      after = last;
      listener?.progress(copy.count);
    }
    db.transaction(() => {
      placeDamaged(db);
      copyTables(db, about.from);
      checkCounts(db, state.frames);
      new Facts(db).setCounted(copy.count);
      db.run(END_STATE);
      db.run(IS_UP_TO_DATE);
    })();
  } finally {
    db.close();
  }
}

/** Opens what an earlier run has left; undefined where there is nothing, or it is of no use. */
function goOn(source: string, next: string): Database | undefined {
  if (!existsSync(next)) return undefined;
  let db: Database | undefined;
  let goesOn = false;
  try {
    db = connect(source, next);
    goesOn = stateIn(db).source === stateOf(source);
  } catch (error) {
    const { code = "" } = error as { code?: string };
    if (!USELESS.test(code)) throw error;
  } finally {
    if (!goesOn) db?.close();
  }
  return goesOn ? db : undefined;
}

/** A damaged file, or one without the table of the state: it is not begun, or it is complete. */
const USELESS = /^SQLITE_(CORRUPT|NOTADB|ERROR)/;

function begin(source: string, next: string): Database {
  removeNext(next);
  makePrivateFile(next);
  const db = connect(source, next);
  try {
    const { frames } = db.query("SELECT count(*) AS frames FROM old.frames").get() as {
      frames: number;
    };
    createTables(db, `${STATE} INSERT INTO migrating VALUES ('${stateOf(source)}', ${frames}, '')`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Opens the new file, with the old one as `old`. */
function connect(source: string, next: string): Database {
  const how = constants.SQLITE_OPEN_READWRITE | constants.SQLITE_OPEN_URI;
  const db = new Database(next, how);
  try {
    db.run("PRAGMA temp_store = MEMORY");
    db.run("PRAGMA synchronous = FULL");
    db.run(`PRAGMA cache_size = -${CACHE_KIB}`);
    // Nobody changes it, so it needs no log, and none is made.
    db.run("ATTACH ? AS old", [immutableUri(source)]);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function stateIn(db: Database): RewriteState {
  const state = db.query("SELECT source, frames, after FROM migrating").get();
  if (state) return state as RewriteState;
  throw new XsError("internal", "a migration has no state");
}
