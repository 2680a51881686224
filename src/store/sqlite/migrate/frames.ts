import type { Database } from "bun:sqlite";
import { idInLine } from "../../../core/frame.ts";
import { isId, timestampOf } from "../../../core/id.ts";
import { topicInLine } from "../../../core/index-keys.ts";
import { firstChunkOf, LINKS } from "../../../core/links.ts";
import { crcOf } from "../log/frame-row.ts";
import { MARK_EVERY } from "../log/frame-search.ts";
import { RowInserts } from "../log/row-inserts.ts";
import { TopicNumbers } from "./topic-numbers.ts";

/** The size of a step. A step ends with the page in which it reaches one of these. */
export interface Step {
  readonly frames: number;
  /** Of their lines, in UTF-16 units. */
  readonly length: number;
}

const STEP: Step = { frames: 50_000, length: 16 * 1024 * 1024 };
/** Rows of one read. */
const PAGE_ROWS = 500;
/** Rows of one statement that inserts. */
const ROWS = 64;
/** Above every index within a step: a topic and an index make one number, which is quick to sort. */
const INDEXES = 2 ** 20;

/** A frame of chunked content, and the id of the first. */
interface Chunk {
  readonly of: string;
  readonly seq: number;
}

type Row = readonly [id: unknown, expires: unknown, crc: unknown, line: unknown];
type SoundRow = readonly [id: string, expires: unknown, crc: number, line: string];

/** Copies the frames of an attached database `old`, in the order of ids. */
export class FrameCopy {
  readonly #read: ReturnType<Database["query"]>;
  readonly #frames: RowInserts;
  readonly #byTopic: RowInserts;
  readonly #links: RowInserts;
  readonly #marks: RowInserts;
  readonly #noteDamaged: ReturnType<Database["query"]>;
  readonly #insertDamaged: ReturnType<Database["query"]>;
  readonly #topics: TopicNumbers;
  readonly #step: Step;
  #seq: number;
  /** The newest id that was sound, and the time of the newest frame. */
  #newest = "";
  #ms = 0;

  constructor(db: Database, step = STEP) {
    this.#step = step;
    this.#read = db.query(
      `SELECT id, expires, crc, frame FROM old.frames WHERE id > ? ORDER BY id LIMIT ${PAGE_ROWS}`,
    );
    this.#frames = new RowInserts(
      db,
      "INSERT INTO frames (seq, topic, ms, expires, crc, line)",
      ROWS,
    );
    this.#byTopic = new RowInserts(db, "INSERT INTO by_topic (topic, seq)", ROWS);
    this.#links = new RowInserts(db, "INSERT INTO links (id, kind, seq)", ROWS);
    this.#marks = new RowInserts(db, "INSERT INTO id_marks (id, seq)", ROWS);
    this.#noteDamaged = db.query("INSERT INTO damaged (seq, id) VALUES (?, ?)");
    // As SQLite has it: the bytes of a damaged line may be no text.
    this.#insertDamaged = db.query(
      `INSERT INTO frames (seq, topic, ms, expires, crc, line)
        SELECT ?1, 0, ?2, CASE typeof(expires) WHEN 'integer' THEN expires END,
          CASE typeof(crc) WHEN 'integer' THEN crc ELSE -1 END, coalesce(CAST(frame AS TEXT), '')
        FROM old.frames WHERE id = ?3`,
    );
    this.#topics = new TopicNumbers(db);
    const { seq, ms } = db
      .query("SELECT coalesce(max(seq), 0) AS seq, coalesce(max(ms), 0) AS ms FROM frames")
      .get() as { seq: number; ms: number };
    this.#seq = seq;
    this.#ms = ms;
  }

  /** How many frames are copied. */
  get count(): number {
    return this.#seq;
  }

  /** Copies some frames after an id, in a transaction. Returns the id of the last one; undefined after the last. */
  step(after: string): string | undefined {
    const first = this.#seq + 1;
    const keys: number[] = [];
    const chunks: Chunk[] = [];
    let last: string | undefined;
    const { frames, length: most } = this.#step;
    for (let length = 0; this.#seq + 1 - first < frames && length < most; ) {
      const page = this.#read.values(last ?? after) as unknown as Row[];
      const rows = page.length < PAGE_ROWS ? page : this.#upToSound(page);
      for (const row of rows) {
        const index = ++this.#seq - first;
        if (!this.#isSound(row)) {
          this.#copyDamaged(row);
          keys.push(index);
          continue;
        }
        const [id, expires, , line] = row;
        const topic = this.#topics.count(topicInLine(line));
        this.#newest = id;
        this.#ms = timestampOf(id);
        const ends = typeof expires === "number" ? expires : null;
        this.#frames.add(this.#seq, topic, this.#ms, ends, crcOf(line, this.#seq), line);
        if (this.#seq % MARK_EVERY === 0) this.#marks.add(id, this.#seq);
        keys.push(topic * INDEXES + index);
        if (keepsLast(line)) keys.push(-topic * INDEXES + index);
        const of = firstChunkOf(line);
        if (of !== undefined) chunks.push({ of, seq: this.#seq });
        length += line.length;
      }
      last = (rows.at(-1)?.[0] as string | undefined) ?? last;
      if (page.length < PAGE_ROWS) break;
    }
    this.#frames.flush();
    this.#marks.flush();
    this.#insertSorted(keys, chunks, first);
    this.#topics.flush();
    return last;
  }

  /** Rows that come sorted cost less. */
  #insertSorted(keys: readonly number[], chunks: Chunk[], first: number): void {
    for (const key of Float64Array.from(keys).sort()) {
      const topic = Math.floor(key / INDEXES);
      this.#byTopic.add(topic, first + key - topic * INDEXES);
    }
    this.#byTopic.flush();
    chunks.sort((a, b) => (a.of < b.of ? -1 : a.of > b.of ? 1 : a.seq - b.seq));
    for (const { of, seq } of chunks) this.#links.add(of, LINKS.chunk, seq);
    this.#links.flush();
  }

  /** The next read begins after the id of a sound row, where there is one: a damaged id may be out of order. */
  #upToSound(page: readonly Row[]): readonly Row[] {
    const at = page.findLastIndex((row) => this.#isSound(row));
    return at < 0 ? page : page.slice(0, at + 1);
  }

  #isSound(row: Row): row is SoundRow {
    const [id, , crc, line] = row;
    return (
      typeof line === "string" &&
      typeof id === "string" &&
      Bun.hash.crc32(line) === crc &&
      // In a damaged page a row may stand under the id of another.
      idInLine(line) === id &&
      id > this.#newest
    );
  }

  /**
   * Copies a damaged row as it is, so that reads and checks go on reporting it: its checksum does not fit, also where
   * the line is sound and stands under the wrong id, as it was not over the number of the row. It gets no topic for now:
   * its line may name another.
   */
  #copyDamaged([id, , , line]: Row): void {
    this.#frames.flush();
    if (typeof id === "string" && isId(id)) this.#ms = Math.max(this.#ms, timestampOf(id));
    const { changes } = this.#insertDamaged.run(this.#seq, this.#ms, id as string);
    // In a damaged page the row may not be found by its id.
    if (changes === 0) {
      this.#frames.add(this.#seq, 0, this.#ms, null, -1, String(line ?? ""));
      this.#frames.flush();
    }
    this.#noteDamaged.run(this.#seq, id as string);
  }
}

/** Whether a frame has a `last:` ttl: that is the last key, and JSON escapes none of its characters. */
function keepsLast(line: string): boolean {
  return line.startsWith('"ttl":"last:', line.lastIndexOf('"ttl":'));
}
