import type { Database } from "bun:sqlite";
import { encodeFrame, idInLine, parseFrame } from "../../../core/frame.ts";
import { hashOf, isHash } from "../../../core/hash.ts";
import { parseId } from "../../../core/id.ts";
import { scopesOfLine } from "../../../core/index-keys.ts";
import { parseKey } from "../../../core/key.ts";
import { expiryOf, parseTtl } from "../../../core/ttl.ts";
import { isOutOfFiles } from "../../failures.ts";
import type { CheckListener, CheckResult } from "../../types.ts";
import { openForReading } from "../connection.ts";
import type { ContentStore } from "../content/content.ts";
import { type KvRow, kvCrc } from "../kv/entry-row.ts";
import { Findings } from "./findings.ts";
import type { Integrity } from "./integrity.ts";
import { eachRow, type Table } from "./table-walk.ts";

const FRAME = "id, expires, crc, frame";
const FRAMES: Table = { name: "frames", columns: FRAME, key: ["id"], lowest: "", step: 50 };
const SCOPES: Table = {
  name: "scopes",
  columns: "scope, id",
  key: ["scope", "id"],
  lowest: "",
  step: 100,
};
const ENTRIES: Table = {
  name: "kv",
  columns: "key, rev, type, crc, value",
  key: ["key"],
  lowest: "",
  step: 5,
};
const STAGED: Table = {
  name: "staged",
  columns: "seq, hash, bytes",
  key: ["seq"],
  lowest: -1,
  step: 50,
};
const FREED: Table = { name: "freed", columns: "hash", key: ["hash"], lowest: "", step: 1000 };

interface FrameRow {
  id: string;
  expires: number | null;
  crc: number;
  frame: string;
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
    await checkScopes(subject);
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

/** The rows of the frames, that each is found under its scopes, and that its content is there. */
async function checkFrames({ db, content, findings }: Subject): Promise<void> {
  const hasScope = db.query("SELECT 1 FROM scopes WHERE scope = ? AND id = ?");
  await eachRow(db, FRAMES, findings, (row: FrameRow) => {
    findings.result.frames++;
    const problem = problemOf(row);
    if (problem) return findings.found(`frame ${row.id}: ${problem}`);
    for (const scope of scopesOfLine(row.frame)) {
      const indexed = findings.guarded(`index of the frame ${row.id}`, () =>
        hasScope.get(scope, row.id),
      );
      if (indexed === null) findings.found(`frame ${row.id}: is not indexed under ${scope}`);
    }
    const { hash } = parseFrame(row.frame);
    if (hash && !content.has(hash)) {
      findings.found(`content ${hash} of the frame ${row.id}: is missing`);
    }
  });
}

async function checkScopes({ db, findings }: Subject): Promise<void> {
  const frame = db.query(`SELECT ${FRAME} FROM frames WHERE id = ?`);
  await eachRow(db, SCOPES, findings, ({ scope, id }: { scope: string; id: string }) => {
    // Reports only a row that cannot be read: another part reports damage in the row.
    const row = findings.guarded(`frame ${id}`, () => frame.get(id) as FrameRow | null);
    if (row === null) findings.found(`index: ${scope} names the frame ${id}, which is not there`);
    else if (row && !problemOf(row) && !scopesOfLine(row.frame).includes(scope)) {
      findings.found(`index: ${scope} names the frame ${id}, which does not belong there`);
    }
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
  await eachRow(db, FREED, findings, ({ hash }: { hash: string }) => {
    if (!isHash(hash)) findings.found(`freed: ${hash} is not a hash`);
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

function problemOf({ id, expires, crc, frame }: FrameRow): string | undefined {
  if (Bun.hash.crc32(frame) !== crc) return "does not match its checksum";
  try {
    const fields = parseFrame(frame);
    if (idInLine(frame) !== id || encodeFrame(id, fields) !== frame)
      return "is not in its exact form";
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
        "SELECT max(id) AS id FROM (SELECT max(id) AS id FROM frames UNION ALL SELECT value FROM facts WHERE key = 'newest_id')",
      )
      .get() as { id: string | null };
  const row = findings.guarded("ids", read);
  return row ? (row.id ?? "") : "~";
}

function isValid(check: () => unknown): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}
