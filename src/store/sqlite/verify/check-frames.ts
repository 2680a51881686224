import type { Database } from "bun:sqlite";
import { encodeFrame, idInLine, parseFrame } from "../../../core/frame.ts";
import { parseId, timestampOf } from "../../../core/id.ts";
import { LINKS, linksIn } from "../../../core/links.ts";
import { parseTopic } from "../../../core/topic.ts";
import { expiryOf, parseTtl } from "../../../core/ttl.ts";
import type { Tombstone } from "../../import.ts";
import type { Ends } from "../../read-source.ts";
import type { ContentStore } from "../content/content.ts";
import { Facts } from "../facts.ts";
import { isSound } from "../log/frame-row.ts";
import { MARK_EVERY } from "../log/frame-search.ts";
import { tombstoneCrc } from "../log/tombstones.ts";
import type { Findings } from "./findings.ts";
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
  columns: "id, ms, crc",
  key: ["id"],
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
export interface Subject {
  /** A separate connection, which sees the store as it was when the check began. */
  readonly db: Database;
  readonly content: ContentStore;
  readonly findings: Findings;
}

/** The rows of the frames, that they are in order, that each is found, and that its content is there. */
export async function checkFrames(subject: Subject): Promise<void> {
  const { db, findings } = subject;
  const indexed = db.query("SELECT 1 FROM by_topic WHERE topic = ? AND seq = ?");
  const marked = db.query("SELECT 1 FROM id_marks WHERE id = ? AND seq = ?");
  const linked = findings.guarded("facts", () => new Facts(db).linked);
  // Beyond damage the rows come from the other end.
  let near = { seq: 0, id: "" };
  await eachRow(db, FRAMES, findings, (row: Row) => {
    const name = checkRow(subject, row, linked);
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
    const name = checkRow(subject, row, linked);
    if (name === undefined) return;
    if (row.id !== idInLine(row.line)) findings.found(`${name}: is indexed under ${row.id}`);
    if (!isValid(() => parseId(row.position ?? ""))) {
      findings.found(`${name}: its position ${row.position} is not an id`);
    }
  });
}

/** Checks what each frame has; returns its name for messages, or undefined where it is damaged. */
function checkRow(subject: Subject, row: Row, linked: Ends | undefined): string | undefined {
  const { db, content, findings } = subject;
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
  checkLinks(subject, row, name, linked);
  if (hash && !content.has(hash)) findings.found(`content ${hash} of the ${name}: is missing`);
  return name;
}

/** Checks that a frame is found from those that it names, as far as the index goes. */
function checkLinks(
  { db, findings }: Subject,
  { line, seq }: Row,
  name: string,
  linked: Ends | undefined,
): void {
  const isIndexed = linked !== undefined && seq <= linked.seq && seq >= linked.late;
  for (const link of linksIn(line)) {
    if (link.name !== "chunk" && !isIndexed) continue;
    const stored = db.query("SELECT 1 FROM links WHERE id = ? AND kind = ? AND seq = ?");
    const found = findings.guarded(`links of the ${name}`, () =>
      stored.get(link.id, LINKS[link.name], seq),
    );
    const what = link.name === "chunk" ? "a chunk" : "an effect";
    if (found === null) findings.found(`${name}: is not indexed as ${what} of ${link.id}`);
  }
}

/** The indexes, that what they name is there, and the counts of the topics. */
export async function checkIndexes({ db, findings }: Subject): Promise<void> {
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
    const belongs = linksIn(found.line).some((link) => link.id === id && LINKS[link.name] === kind);
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
  await eachRow(db, TOMBSTONES, findings, (row: Tombstone & { crc: number }) => {
    if (!isValid(() => parseId(row.id))) findings.found(`tombstone ${row.id}: is not an id`);
    else if (tombstoneCrc(row) !== row.crc) {
      findings.found(`tombstone ${row.id}: does not match its checksum`);
    }
  });
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

/** Whether a value passes its check. */
export function isValid(check: () => unknown): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}
