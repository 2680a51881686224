import type { Database } from "bun:sqlite";
import { encodeFrame, idInLine, parseFrame } from "../../../core/frame.ts";
import { hashOf, isHash } from "../../../core/hash.ts";
import { parseId, timestampOf } from "../../../core/id.ts";
import { parseKey } from "../../../core/key.ts";
import { firstChunkOf, LINKS } from "../../../core/links.ts";
import { parseTopic } from "../../../core/topic.ts";
import { expiryOf, parseTtl } from "../../../core/ttl.ts";
import { isOutOfFiles } from "../../failures.ts";
import type { CheckListener, CheckResult } from "../../types.ts";
import { openForReading } from "../connection.ts";
import type { ContentStore } from "../content/content.ts";
import { Facts } from "../facts.ts";
import { type KvRow, kvCrc } from "../kv/entry-row.ts";
import { isSound } from "../log/frame-row.ts";
import { MARK_EVERY } from "../log/frame-search.ts";
import { Findings } from "./findings.ts";
import type { Integrity } from "./integrity.ts";
import { eachRow, type Table } from "./table-walk.ts";

const LOWEST = Number.MIN_SAFE_INTEGER;
const FRAME = "seq, topic, ms, expires, crc, line";
const FRAMES: Table = { name: "frames", columns: FRAME, key: ["seq"], lowest: LOWEST, step: 50 };
const LATE: Table = { ...FRAMES, name: "late", columns: `${FRAME}, id, position` };
const BY_TOPIC: Table = {
  name: "by_topic",
  columns: "topic, seq",
  key: ["topic", "seq"],
  lowest: LOWEST,
  step: 100,
};
const MARKS: Table = {
  name: "id_marks",
  columns: "id, seq",
  key: ["id"],
  lowest: "",
  step: 1000,
};
const LINK_ROWS: Table = {
  name: "links",
  columns: "id, kind, seq",
  key: ["id", "kind", "seq"],
  lowest: "",
  step: 100,
};
const TOPICS: Table = {
  name: "topics",
  columns: "topic, name, frames",
  key: ["topic"],
  lowest: LOWEST,
  step: 100,
};
const TOMBSTONES: Table = {
  name: "tombstones",
  columns: "id, ms",
  key: ["id"],
  lowest: "",
  step: 1000,
};
const ENTRIES: Table = {
  name: "kv",
  columns: "key, rev, type, crc, writer, value",
  key: ["key"],
  lowest: "",
  step: 5,
};
const STAGED: Table = {
  name: "staged",
  columns: "seq, hash, bytes",
  key: ["seq"],
  lowest: LOWEST,
  step: 50,
};
const CANDIDATES: Table = {
  name: "gc_candidates",
  columns: "hash",
  key: ["hash"],
  lowest: "",
  step: 1000,
};

interface Row {
  seq: number;
  topic: number;
  ms: number;
  expires: number | null;
  crc: number;
  line: string;
  /** Only of a late frame. */
  id?: string;
  position?: string;
}

/** The input and output of each part of a check. */
interface Subject {
  /** A separate connection, which sees the store as it was when the check began. */
  readonly db: Database;
  readonly content: ContentStore;
  readonly findings: Findings;
}

/**
 * Reads a whole store, as it is at this moment, and reports everything that does not fit together.
 * The server goes on beside it; the memory it takes does not grow with the store.
 */
export async function checkStore(
  database: string,
  content: ContentStore,
  integrity: Integrity,
  listener: CheckListener,
): Promise<CheckResult> {
  const findings = new Findings(listener);
  const db = openForReading(database);
  try {
    db.run("BEGIN");
    // The moment is that of the first read.
    findings.guarded("database", () => db.query("SELECT 1 FROM facts LIMIT 1").get());
    const subject = { db, content, findings };
    for (const problem of await integrity.problems(database, listener.signal)) {
      findings.found(`database: ${problem}`);
    }
    await findings.turn();
    await checkFrames(subject);
    await checkIndexes(subject);
    await checkEntries(subject);
    await checkStaged(subject);
    await checkFiles(subject);
    findings.result.staged = content.staged().contents;
    await findings.turn();
  } finally {
    db.close();
  }
  return findings.result;
}

/** The rows of the frames, that they are in order, that each is found, and that its content is there. */
async function checkFrames(subject: Subject): Promise<void> {
  const { db, findings } = subject;
  const indexed = db.query("SELECT 1 FROM by_topic WHERE topic = ? AND seq = ?");
  const marked = db.query("SELECT 1 FROM id_marks WHERE id = ? AND seq = ?");
  // Beyond damage the rows come from the other end.
  let near = { seq: 0, id: "" };
  await eachRow(db, FRAMES, findings, (row: Row) => {
    const name = checkRow(subject, row);
    if (name === undefined) return;
    const id = idInLine(row.line);
    if (row.seq > near.seq !== id > near.id) {
      findings.found(`${name}: is not in the order of ids, beside the frame ${near.id}`);
    }
    near = { seq: row.seq, id };
    if (row.seq % MARK_EVERY === 0) {
      const found = findings.guarded(`mark of the ${name}`, () => marked.get(id, row.seq));
      if (found === null) findings.found(`${name}: has no mark`);
    }
    const isLast = parseTtl(parseFrame(row.line).ttl).kind === "last";
    for (const topic of isLast ? [row.topic, -row.topic] : [row.topic]) {
      const found = findings.guarded(`index of the ${name}`, () => indexed.get(topic, row.seq));
      if (found === null) {
        const what = topic < 0 ? "the frames with a last: ttl" : "its topic";
        findings.found(`${name}: is not indexed under ${what}`);
      }
    }
  });
  await eachRow(db, LATE, findings, (row: Row) => {
    const name = checkRow(subject, row);
    if (name === undefined) return;
    if (row.id !== idInLine(row.line)) findings.found(`${name}: is indexed under ${row.id}`);
    if (!isValid(() => parseId(row.position ?? ""))) {
      findings.found(`${name}: its position ${row.position} is not an id`);
    }
  });
}

/** Checks what each frame has; returns its name for messages, or undefined where it is damaged. */
function checkRow({ db, content, findings }: Subject, row: Row): string | undefined {
  findings.result.frames++;
  const name = `frame ${idInLine(row.line)}`;
  const problem = problemOf(row);
  if (problem) {
    findings.found(`${name}: ${problem}`);
    return undefined;
  }
  const { topic, hash } = parseFrame(row.line);
  const named = db.query("SELECT name FROM topics WHERE topic = ?");
  const known = findings.guarded(`topic of the ${name}`, () => named.get(row.topic)) as
    | { name: string }
    | null
    | undefined;
  if (known !== undefined && known?.name !== topic) {
    findings.found(`${name}: is counted as one of ${known?.name ?? "no topic"}`);
  }
  const first = firstChunkOf(row.line);
  if (first !== undefined) {
    const linked = db.query(
      `SELECT 1 FROM links WHERE id = ? AND kind = ${LINKS.chunk} AND seq = ?`,
    );
    const found = findings.guarded(`links of the ${name}`, () => linked.get(first, row.seq));
    if (found === null) findings.found(`${name}: is not indexed as a chunk of ${first}`);
  }
  if (hash && !content.has(hash)) findings.found(`content ${hash} of the ${name}: is missing`);
  return name;
}

/** The indexes, that what they name is there, and the counts of the topics. */
async function checkIndexes({ db, findings }: Subject): Promise<void> {
  const row = db.query(`SELECT ${FRAME} FROM frames WHERE seq = ?`);
  const late = db.query(`SELECT ${FRAME} FROM late WHERE seq = ?`);
  /** Reports only a row that cannot be read: another part reports damage in the row. */
  const read = (seq: number) =>
    findings.guarded(`frame in row ${seq}`, () => (seq > 0 ? row : late).get(seq) as Row | null);
  await eachRow(db, BY_TOPIC, findings, ({ topic, seq }: { topic: number; seq: number }) => {
    const found = read(seq);
    const name = `index: topic ${topic} names the row ${seq}`;
    if (found === null) findings.found(`${name}, which is not there`);
    if (!found || problemOf(found)) return;
    const isLast = parseTtl(parseFrame(found.line).ttl).kind === "last";
    const belongs = topic === found.topic || (topic === -found.topic && isLast);
    if (!belongs) findings.found(`${name}, which does not belong there`);
  });
  await eachRow(db, MARKS, findings, ({ id, seq }: { id: string; seq: number }) => {
    const found = read(seq);
    const isMark = found && (problemOf(found) !== undefined || idInLine(found.line) === id);
    if (found !== undefined && !isMark)
      findings.found(`mark ${id}: is not the id of the row ${seq}`);
  });
  type LinkRow = { id: string; kind: number; seq: number };
  await eachRow(db, LINK_ROWS, findings, ({ id, kind, seq }: LinkRow) => {
    const found = read(seq);
    const name = `index: the frame ${id} is named by the row ${seq}`;
    if (found === null) findings.found(`${name}, which is not there`);
    if (!found || problemOf(found)) return;
    const belongs = kind !== LINKS.chunk || firstChunkOf(found.line) === id;
    if (!belongs) findings.found(`${name}, which does not name it`);
  });
  // The store counts newer frames when it opens.
  const counted = findings.guarded("facts", () => new Facts(db).counted) ?? 0;
  const counts = db.query(
    `SELECT (SELECT count(*) FROM by_topic WHERE topic = ?1 AND seq <= ?2)
      + (SELECT count(*) FROM late WHERE topic = ?1) AS frames`,
  );
  type TopicRow = { topic: number; name: string; frames: number };
  await eachRow(db, TOPICS, findings, ({ topic, name, frames }: TopicRow) => {
    const key = JSON.stringify(name);
    if (!isValid(() => parseTopic(name))) findings.found(`topic ${key}: is not a valid topic`);
    const found = findings.guarded(`topic ${key}`, () => counts.get(topic, counted)) as
      | { frames: number }
      | undefined;
    if (found && found.frames !== frames) {
      findings.found(`topic ${key}: has ${found.frames} frames, and is counted as ${frames}`);
    }
  });
  await eachRow(db, TOMBSTONES, findings, ({ id }: { id: string }) => {
    if (!isValid(() => parseId(id))) findings.found(`tombstone ${id}: is not an id`);
  });
}

async function checkEntries({ db, findings }: Subject): Promise<void> {
  const newest = newestId(db, findings);
  await eachRow(db, ENTRIES, findings, (row: KvRow) => {
    if (row.value) findings.result.pairs++;
    const key = JSON.stringify(row.key);
    if (!isValid(() => parseKey(row.key))) findings.found(`key ${key}: is not a valid key`);
    if (!isValid(() => parseId(row.rev))) {
      findings.found(`key ${key}: its revision ${row.rev} is not an id`);
    } else if (row.rev > newest) {
      findings.found(`key ${key}: its revision ${row.rev} was never given`);
    }
    if (kvCrc(row) !== row.crc) findings.found(`key ${key}: does not match its checksum`);
  });
}

/** Small content on its way to a file, and what the collector is to look at. */
async function checkStaged({ db, findings }: Subject): Promise<void> {
  await eachRow(db, STAGED, findings, ({ hash, bytes }: { hash: string; bytes: Uint8Array }) => {
    findings.result.contents++;
    if (hashOf(bytes) !== hash) findings.found(`content ${hash}: is damaged, in the database`);
  });
  await eachRow(db, CANDIDATES, findings, ({ hash }: { hash: string }) => {
    if (!isHash(hash)) findings.found(`gc_candidates: ${hash} is not a hash`);
  });
}

async function checkFile(hash: string, content: ContentStore, findings: Findings): Promise<void> {
  // On its way it may have no entry yet, no file any more, or one that a power cut left half written:
  // until it is flushed it is not read from there.
  if (content.isOnItsWay(hash)) return;
  try {
    if (!(await content.files.isSound(hash))) findings.found(`content ${hash}: is damaged`);
    else if (!(await content.files.isIndexed(hash))) {
      findings.found(`content ${hash}: is not in the index of cacache`);
    }
  } catch (error) {
    if (isOutOfFiles(error)) throw error;
    findings.found(`content ${hash}: ${(error as Error).message}`);
  }
}

async function checkFiles({ content, findings }: Subject): Promise<void> {
  for await (const hash of content.files.list()) {
    if (!content.isStaged(hash)) findings.result.contents++;
    await checkFile(hash, content, findings);
    await findings.turn();
  }
}

function problemOf({ seq, ms, expires, crc, line }: Row): string | undefined {
  if (!isSound({ seq, crc, line })) return "does not match its checksum";
  try {
    const { id, ...fields } = parseFrame(line);
    if (encodeFrame(id, fields) !== line) return "is not in its exact form";
    if (timestampOf(id) !== ms) return "has a wrong time";
    return expiryOf(parseTtl(fields.ttl), id) === expires ? undefined : "has a wrong expiry";
  } catch (error) {
    return (error as Error).message;
  }
}

/** The newest id that is written down anywhere but in a revision. */
function newestId(db: Database, findings: Findings): string {
  const read = () =>
    db
      .query(
        "SELECT (SELECT line FROM frames ORDER BY seq DESC LIMIT 1) AS line, (SELECT value FROM facts WHERE key = 'newest_id') AS id",
      )
      .get() as { line: string | null; id: string | null };
  const row = findings.guarded("ids", read);
  if (!row) return "~";
  const frame = row.line === null ? "" : idInLine(row.line);
  return row.id !== null && row.id > frame ? row.id : frame;
}

function isValid(check: () => unknown): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}
