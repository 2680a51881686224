import type { Database } from "bun:sqlite";
import { XsError } from "../../core/error.ts";
import { TABLES } from "./tables.ts";

/** The version of {@link TABLES}, in `user_version`. */
const VERSION = 3;

/**
 * Brings a store's schema up to date.
 *
 * @throws XsError `store_too_new` if a newer xs made it
 */
export function migrate(db: Database): void {
  const version = versionOf(db);
  if (version > VERSION) {
    throw new XsError(
      "store_too_new",
      `this store has schema ${version} and this xs knows up to ${VERSION}: use the newer xs that made it`,
    );
  }
  if (version === 0) {
    db.transaction(() => {
      db.run(TABLES);
      db.run(`PRAGMA user_version = ${VERSION}`);
    })();
  }
}

/** Whether a store needs no migration. */
export function isUpToDate(db: Database): boolean {
  return versionOf(db) >= VERSION;
}

function versionOf(db: Database): number {
  const { user_version: version } = db.query("PRAGMA user_version").get() as {
    user_version: number;
  };
  return version;
}
