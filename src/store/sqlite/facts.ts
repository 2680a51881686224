import type { Database } from "bun:sqlite";
import type { Ends } from "../read-source.ts";
import type { FillingEffect } from "./commit/record.ts";

/** The table of single facts about a store. */
export class Facts {
  readonly #set: ReturnType<Database["query"]>;
  readonly #delete: ReturnType<Database["query"]>;
  readonly #get: ReturnType<Database["query"]>;

  constructor(db: Database) {
    this.#set = db.query("INSERT OR REPLACE INTO facts (key, value) VALUES (?, ?)");
    this.#delete = db.query("DELETE FROM facts WHERE key = ?");
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

  /** Up to which rows the table of links has all links; undefined where nobody has asked for effects yet. */
  get linked(): Ends | undefined {
    const row = this.#get.get("linked") as { value: string } | null;
    return row ? (JSON.parse(row.value) as Ends) : undefined;
  }

  /** Call it inside a commit. */
  setLinked({ seq, late }: Ends): void {
    this.#set.run("linked", JSON.stringify({ seq, late }));
  }

  /** Whether an import fills a store that had no frame, and nothing else has come in since. */
  isFilling({ of, newest }: { readonly of: string; readonly newest: string }): boolean {
    const row = this.#get.get("filling") as { value: string } | null;
    return row?.value === fillingOf(of, newest);
  }

  /** The marks of the states that the index of the search may be of, see `search/messages.ts`. */
  get searchMarks(): string[] {
    const row = this.#get.get("search") as { value: string } | null;
    return row?.value.split(" ") ?? [];
  }

  /** Call it inside a commit. */
  setSearchMarks(marks: readonly string[]): void {
    this.#set.run("search", marks.join(" "));
  }

  /** Call it inside a commit. */
  setNewest(id: string): void {
    this.#set.run("newest_id", id);
  }

  /** Call it inside a commit. */
  setFilling({ of, newest }: Omit<FillingEffect, "kind">): void {
    if (of === null) this.#delete.run("filling");
    else this.#set.run("filling", fillingOf(of, newest));
  }
}

function fillingOf(of: string, newest: string): string {
  return `${of} ${newest}`;
}
