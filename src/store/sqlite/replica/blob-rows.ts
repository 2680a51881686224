import type { Database } from "bun:sqlite";

/** A large content that is in a blob. */
export interface BlobRow {
  readonly hash: string;
  /** In bytes. */
  readonly size: number;
  readonly name: string;
}

/** The table of the large contents that are in blobs. A store that is not replicated has none. */
export class BlobRows {
  readonly #sql: ReturnType<typeof statements>;
  /** What the commit under way has added, and the names of blobs that nothing needs because of it. */
  #added: BlobRow[] = [];
  #freed: string[] = [];

  constructor(db: Database) {
    db.run(
      "CREATE TABLE IF NOT EXISTS blobs (hash TEXT PRIMARY KEY, size INTEGER NOT NULL, name TEXT NOT NULL) STRICT, WITHOUT ROWID",
    );
    // Those that this directory alone has fetched.
    db.run(
      "CREATE TABLE IF NOT EXISTS fetched (hash TEXT PRIMARY KEY, size INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    );
    this.#sql = statements(db);
  }

  find(hash: string): { readonly size: number; readonly name: string } | undefined {
    return (this.#sql.find.get(hash) as { size: number; name: string } | null) ?? undefined;
  }

  /** The contents of which this node has a copy because it has read them. */
  fetched(): { readonly hash: string; readonly size: number }[] {
    return this.#sql.fetched.all() as { hash: string; size: number }[];
  }

  /** Inside a commit of this directory alone. */
  noteFetched(hash: string, size: number): void {
    this.#sql.noteFetched.run(hash, size);
  }

  /** Inside a commit of this directory alone. */
  forgetFetched(hash: string): void {
    this.#sql.forgetFetched.run(hash);
  }

  all(): BlobRow[] {
    return this.#sql.all.all() as BlobRow[];
  }

  /** Adds one; the first of a hash stays. Inside a commit. */
  add(hash: string, size: number, name: string): void {
    if (this.#sql.add.run(hash, size, name).changes > 0) this.#added.push({ hash, size, name });
    else if (this.find(hash)?.name !== name) this.#freed.push(name);
  }

  /** Removes that of a hash, if it has one. Inside a commit. */
  remove(hash: string): void {
    const row = this.find(hash);
    if (!row) return;
    this.#sql.remove.run(hash);
    this.#freed.push(row.name);
  }

  /** What a commit has added, and the names of blobs that nothing needs any more. Call it after the commit. */
  takeChanges(): { readonly added: readonly BlobRow[]; readonly freed: readonly string[] } {
    const changes = { added: this.#added, freed: this.#freed };
    this.rolledBack();
    return changes;
  }

  rolledBack(): void {
    if (this.#added.length > 0) this.#added = [];
    if (this.#freed.length > 0) this.#freed = [];
  }
}

function statements(db: Database) {
  return {
    find: db.query("SELECT size, name FROM blobs WHERE hash = ?"),
    fetched: db.query("SELECT hash, size FROM fetched"),
    noteFetched: db.query("INSERT OR REPLACE INTO fetched (hash, size) VALUES (?, ?)"),
    forgetFetched: db.query("DELETE FROM fetched WHERE hash = ?"),
    all: db.query("SELECT hash, size, name FROM blobs"),
    add: db.query("INSERT OR IGNORE INTO blobs (hash, size, name) VALUES (?, ?, ?)"),
    remove: db.query("DELETE FROM blobs WHERE hash = ?"),
  };
}
