import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { foldedText } from "../../../core/words.ts";
import type { Ends } from "../../read-source.ts";
import { ALL, topicWord } from "./expression.ts";
import { IndexFile, openIndexToRead } from "./index-file.ts";
import type { Indexed, Marks, SearchPlaces } from "./messages.ts";
import { atOnce, type StoredRow, StoredRows } from "./stored-rows.ts";

/** The most frames, and about the most UTF-16 units of text, that one commit of the index takes in. */
const BATCH_ROWS = 2000;
const BATCH_UNITS = 4 * 1024 * 1024;
/** With less free on the disk, in bytes, or less than a twentieth of it, the index takes in nothing. */
const MOST_KEPT_FREE = 32 * 1024 * 1024;
/** Rows of the index that are compared with the store at once. */
const SWEEP_ROWS = 2000;

/** Takes frames into the index, and out of it. One process at a time has one, see `index-lock.ts`. */
export class Indexer implements Disposable {
  readonly #places: SearchPlaces;
  readonly #rows: StoredRows;
  #file: IndexFile | undefined;

  constructor(places: SearchPlaces) {
    this.#places = places;
    this.#rows = new StoredRows(places);
  }

  [Symbol.dispose](): void {
    this.#file?.close();
    this.#rows[Symbol.dispose]();
  }

  /** Makes the index anew. */
  drop(marks: Marks): void {
    this.#file?.close();
    this.#file = IndexFile.make(this.#places.index, marks);
  }

  /** Takes in frames: at least one batch, and more of them for about `ms`. */
  index(ends: Ends, marks: Marks, ms: number): Indexed {
    const until = performance.now() + ms;
    const file = this.#open(marks);
    const covered = { seq: this.#newest(file, "max"), late: this.#newest(file, "min") };
    for (;;) {
      const isDone = covered.seq >= ends.seq && covered.late <= ends.late;
      if (isDone || performance.now() > until) return { covered, isDone };
      this.#checkRoom();
      if (covered.seq < ends.seq) covered.seq = this.#take(file, covered.seq, ends.seq, until);
      else covered.late = this.#take(file, covered.late, ends.late, until);
    }
  }

  /**
   * Takes out what is gone from the store, and looks again for content that was not there: from a row on, for about so
   * many ms. Resolves to the row from which to go on; null at the end.
   *
   * @param newMark makes the next mark durable in the store
   */
  async sweep(
    marks: Marks,
    from: number,
    ms: number,
    newMark: () => Promise<string>,
  ): Promise<number | null> {
    const until = performance.now() + ms;
    const file = this.#open(marks);
    for (let next = from; ; ) {
      const rows = this.#indexed(file, next);
      const last = rows.at(-1);
      if (!last) return null;
      next = last.seq + 1;
      const gone = atOnce(this.#rows.db, () => rows.filter((row) => !this.#isThere(row)));
      if (gone.length > 0) {
        const mark = await newMark();
        file.db.transaction(() => {
          for (const { seq } of gone) remove(file, seq);
          file.setFact("mark", mark);
        })();
      }
      this.#mend(file, rows);
      if (performance.now() > until) return next;
    }
  }

  /** Rewrites the file without the words of what was taken out. */
  clean(marks: Marks): void {
    const file = this.#open(marks);
    if (!file.fact("dirty")) return;
    const { db } = file;
    db.run("INSERT INTO docs (docs) VALUES ('optimize')");
    db.run("DELETE FROM facts WHERE key = 'dirty'");
    db.run("VACUUM");
    db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  }

  /** What is wrong with the file. */
  check(marks: Marks): string[] {
    // Another connection reads the file, and not what this one has in memory.
    this.#file?.close();
    this.#file = undefined;
    const read = openIndexToRead(this.#places.index);
    if (!read) return [];
    try {
      const problems = read.db.query("PRAGMA quick_check(1)").all() as { quick_check: string }[];
      if (problems[0]?.quick_check !== "ok") return problems.map((each) => each.quick_check);
    } finally {
      read.db.close();
    }
    const { db } = this.#open(marks);
    db.run("INSERT INTO docs (docs, rank) VALUES ('integrity-check', 0)");
    return [];
  }

  #open(marks: Marks): IndexFile {
    if (this.#file && !this.#file.isInPlace) {
      this.#file.close();
      this.#file = undefined;
    }
    this.#file ??= IndexFile.open(this.#places.index, marks);
    return this.#file;
  }

  /**
   * The newest indexed row that is still there. Those after it are taken out: what comes next may have their numbers.
   *
   * @returns 0 where there is none
   */
  #newest(file: IndexFile, end: "max" | "min"): number {
    const sign = end === "max" ? ">" : "<";
    const newest = file.db.query(
      `SELECT seq, crc FROM rows WHERE seq = (SELECT ${end}(seq) FROM rows WHERE seq ${sign} 0)`,
    );
    for (;;) {
      const row = newest.get() as Pick<StoredRow, "seq" | "crc"> | null;
      if (!row) return 0;
      if (this.#isThere(row)) return row.seq;
      file.db.transaction(() => remove(file, row.seq))();
    }
  }

  /** The index never takes the last room on the disk: frames are to be appended there. @throws Error `ENOSPC` */
  #checkRoom(): void {
    const { blocks, bavail, bsize } = statfsSync(dirname(this.#places.index));
    if (bavail * bsize >= Math.min(MOST_KEPT_FREE, (blocks * bsize) / 20)) return;
    throw Object.assign(new Error("there is little room left"), { code: "ENOSPC" });
  }

  #isThere({ seq, crc }: Pick<StoredRow, "seq" | "crc">): boolean {
    return this.#rows.row(seq)?.crc === crc;
  }

  /** Takes in a batch of the rows after one, up to another. Returns how far it came. */
  #take(file: IndexFile, after: number, end: number, until: number): number {
    let reached = end;
    const take = () => {
      let [rows, units] = [0, 0];
      for (const row of this.#rows.after(after, end)) {
        units += this.#add(file, row);
        rows++;
        if (rows < BATCH_ROWS && units < BATCH_UNITS && performance.now() < until) continue;
        reached = row.seq;
        return;
      }
    };
    atOnce(this.#rows.db, () => file.db.transaction(take)());
    return reached;
  }

  #add({ db }: IndexFile, row: StoredRow): number {
    const texts = this.#rows.texts(row);
    const { topic = "", meta = [], content = "" } = texts ?? {};
    db.query("INSERT INTO rows (seq, crc, lacks) VALUES (?, ?, ?)").run(
      row.seq,
      row.crc,
      texts?.lacks ? 1 : null,
    );
    if (!texts) return 0;
    const all = [topic, meta.join("\n"), content].map(foldedText);
    db.query("INSERT INTO docs (rowid, topic, meta, content, at) VALUES (?, ?, ?, ?, ?)").run(
      row.seq,
      ...all,
      `${ALL} ${topicWord(row.topic)}`,
    );
    return all.reduce((sum, text) => sum + text.length, 0);
  }

  #indexed({ db }: IndexFile, from: number): IndexedRow[] {
    return db
      .query("SELECT seq, crc, lacks FROM rows WHERE seq >= ? ORDER BY seq LIMIT ?")
      .all(from, SWEEP_ROWS) as IndexedRow[];
  }

  /** Indexes again what lacked its content, where that is there now. */
  #mend(file: IndexFile, rows: readonly IndexedRow[]): void {
    for (const { seq, lacks } of rows) {
      const row = lacks === 1 ? this.#rows.row(seq) : undefined;
      if (!row || this.#rows.texts(row)?.lacks !== false) continue;
      file.db.transaction(() => {
        remove(file, seq);
        this.#add(file, row);
      })();
    }
  }
}

interface IndexedRow extends Pick<StoredRow, "seq" | "crc"> {
  readonly lacks: number | null;
}

/** Takes a frame out. Its words are in the file until {@link Indexer.clean}. */
function remove(file: IndexFile, seq: number): void {
  file.db.query("DELETE FROM docs WHERE rowid = ?").run(seq);
  file.db.query("DELETE FROM rows WHERE seq = ?").run(seq);
  file.setFact("dirty", "1");
}
