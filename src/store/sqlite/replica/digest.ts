import type { Database, SQLQueryBindings } from "bun:sqlite";
import type { NodeDigest } from "../../nodes.ts";
import { openForReading } from "../connection.ts";
import { replicaIn } from "./replica-state.ts";

/** How many rows are read in one go: about a millisecond of the thread that also takes the writes. */
const ROWS = 1000;

/** What a table says whatever machine it is on, and the unique column that orders it. */
interface Part {
  readonly columns: string;
  readonly order: string;
  readonly from: string;
}

/** What all nodes have alike at the same record. Numbers of rows and topics, and where content lies, are a node's own. */
const PARTS: Readonly<Record<string, Part>> = {
  frames: { columns: "line, expires, crc", order: "seq", from: "frames" },
  "late frames": { columns: "line, expires, crc, id, position", order: "id", from: "late" },
  entries: { columns: "key, rev, type, writer, value, crc", order: "key", from: "kv" },
  tombstones: { columns: "id, ms, crc", order: "id", from: "tombstones" },
  answers: { columns: "key, expires, request, frames", order: "key", from: "answers" },
  "growing content": { columns: "id", order: "id", from: "growing" },
  blobs: { columns: "hash, size, name", order: "hash", from: "blobs" },
};

/** Reads the tables of a node as they are at the moment of its construction, while records go on to be applied. */
export class DigestRun {
  readonly #db: Database;
  /** Rows read so far. */
  rows = 0;

  /** @param database its path */
  constructor(database: string) {
    this.#db = openForReading(database);
    try {
      this.#db.run("BEGIN");
      // The moment is that of the first read.
      this.#db.query("SELECT 1 FROM facts LIMIT 1").get();
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  /** Makes the digest, in small steps, and closes. */
  async run(signal: AbortSignal): Promise<NodeDigest> {
    try {
      const state = replicaIn(this.#db);
      const parts: Record<string, string> = {};
      for (const [name, part] of Object.entries(PARTS)) {
        parts[name] = await this.#digestOf(part, signal);
      }
      return { record: state?.applied ?? 0, chain: state?.chain ?? "", parts, rows: this.rows };
    } finally {
      this.#db.close();
    }
  }

  async #digestOf({ columns, order, from }: Part, signal: AbortSignal): Promise<string> {
    const hasher = new Bun.CryptoHasher("sha256");
    const page = (where: string) =>
      this.#db.query(
        `SELECT ${order}, ${columns} FROM ${from} ${where} ORDER BY ${order} LIMIT ${ROWS}`,
      );
    const next = page(`WHERE ${order} > ?`);
    for (let rows = page("").values(); ; ) {
      for (const [, ...row] of rows) addRow(hasher, row);
      this.rows += rows.length;
      const last = rows.at(-1)?.[0];
      if (rows.length < ROWS || last === undefined) return hasher.digest("hex");
      // Writes and requests come between.
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
      rows = next.values(last as SQLQueryBindings);
    }
  }
}

/** Each value with its kind and its length, so that no two rows are alike by chance. */
function addRow(hasher: Bun.CryptoHasher, values: readonly unknown[]): void {
  for (const value of values) {
    if (value instanceof Uint8Array) hasher.update(`b${value.length}:`).update(value);
    else if (typeof value === "string") hasher.update(`t${value.length}:${value}`);
    else hasher.update(`n${value ?? ""};`);
  }
}
