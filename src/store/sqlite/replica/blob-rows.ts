import type { Database } from "bun:sqlite";

/** The table of the large contents that are in blobs. A store that is not replicated has none. */
export class BlobRows {
  readonly #sql: ReturnType<typeof statements>;

  constructor(db: Database) {
    db.run(
      "CREATE TABLE IF NOT EXISTS blobs (hash TEXT PRIMARY KEY, size INTEGER NOT NULL, name TEXT NOT NULL) STRICT, WITHOUT ROWID",
    );
    this.#sql = statements(db);
  }

  find(hash: string): { readonly size: number; readonly name: string } | undefined {
    return (this.#sql.find.get(hash) as { size: number; name: string } | null) ?? undefined;
  }

  /** The names of all blobs. */
  names(): string[] {
    return (this.#sql.names.all() as { name: string }[]).map(({ name }) => name);
  }

  /** Adds one; the first of a hash stays. Inside a commit. */
  add(hash: string, size: number, name: string): void {
    this.#sql.add.run(hash, size, name);
  }

  /** Inside a commit. */
  remove(hash: string): void {
    this.#sql.remove.run(hash);
  }
}

function statements(db: Database) {
  return {
    find: db.query("SELECT size, name FROM blobs WHERE hash = ?"),
    names: db.query("SELECT name FROM blobs"),
    add: db.query("INSERT OR IGNORE INTO blobs (hash, size, name) VALUES (?, ?, ?)"),
    remove: db.query("DELETE FROM blobs WHERE hash = ?"),
  };
}
