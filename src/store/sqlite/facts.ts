import type { Database } from "bun:sqlite";

/** The table of single facts about a store. */
export class Facts {
  readonly #set: ReturnType<Database["query"]>;
  readonly #get: ReturnType<Database["query"]>;

  constructor(db: Database) {
    this.#set = db.query("INSERT OR REPLACE INTO facts (key, value) VALUES (?, ?)");
    this.#get = db.query("SELECT value FROM facts WHERE key = ?");
  }

  /** The newest id that was given and that no frame keeps; "" where there is none. */
  get newest(): string {
    return (this.#get.get("newest_id") as { value: string } | null)?.value ?? "";
  }

  /** The `seq` up to which the table of topics counts frames. */
  get counted(): number {
    return Number((this.#get.get("counted") as { value: string } | null)?.value ?? 0);
  }

  /** Call it inside a commit. */
  setCounted(seq: number): void {
    this.#set.run("counted", String(seq));
  }

  /** Call it inside a commit. */
  setNewest(id: string): void {
    this.#set.run("newest_id", id);
  }
}
