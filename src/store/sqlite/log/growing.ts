import type { Database } from "bun:sqlite";
import { parseFrame, parseObject } from "../../../core/frame.ts";
import { LINKS } from "../../../core/links.ts";
import { parseTtl } from "../../../core/ttl.ts";
import type { AppendRequest } from "../../types.ts";
import { isSound } from "./frame-row.ts";
import type { FrameSearch } from "./frame-search.ts";

/** The chunked contents that still grow. */
export class Growing {
  readonly #search: FrameSearch;
  readonly #sql: ReturnType<typeof statements>;

  constructor(db: Database, search: FrameSearch) {
    this.#search = search;
    this.#sql = statements(db);
  }

  /** Whether the content with this first frame still grows. */
  has(id: string): boolean {
    return this.#sql.has.get(id) !== null;
  }

  any(): boolean {
    return this.#sql.all.get() !== null;
  }

  /** Applies that one begins, or has ended. */
  set(id: string, ended: boolean): void {
    if (ended) this.#sql.delete.run(id);
    else this.#sql.insert.run(id);
  }

  /** The first frames of all that grow. */
  list(): string[] {
    return (this.#sql.all.all() as { id: string }[]).map(({ id }) => id);
  }

  /** The last frames of contents that grow and that nobody feeds any more. @param ids of their first frames */
  endings(ids: readonly string[] = this.list()): AppendRequest[] {
    const growing = new Set(this.list());
    return ids.flatMap((id) => {
      if (!growing.has(id)) return [];
      const first = this.#search.find(id);
      if (!first || !isSound(first)) {
        this.set(id, true);
        return [];
      }
      const { topic, meta, ttl } = parseFrame(first.line);
      const { chunks } = this.#sql.chunks.get(id) as { chunks: number };
      const chunk = { of: id, index: chunks + 1, more: false, aborted: true };
      const last = JSON.stringify({ ...parseObject(meta), chunk });
      return [{ topic, meta: last, ttl: parseTtl(ttl), content: null, growing: { ended: id } }];
    });
  }
}

function statements(db: Database) {
  return {
    all: db.query("SELECT id FROM growing"),
    has: db.query("SELECT 1 FROM growing WHERE id = ?"),
    insert: db.query("INSERT OR IGNORE INTO growing (id) VALUES (?)"),
    delete: db.query("DELETE FROM growing WHERE id = ?"),
    chunks: db.query(`SELECT count(*) AS chunks FROM links WHERE id = ? AND kind = ${LINKS.chunk}`),
  };
}
