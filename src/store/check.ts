import { Database } from "bun:sqlite";
import { encodeFrame, idInLine, parseFrame } from "../frame/frame.ts";
import { hashOf } from "../frame/hash.ts";
import { parseId } from "../frame/id.ts";
import { parseKey } from "../frame/key.ts";
import { scopesOfLine } from "../frame/scopes.ts";
import { expiryOf, parseTtl } from "../frame/ttl.ts";
import type { ContentStore } from "./content.ts";
import { type KvRow, kvCrc } from "./kv-row.ts";
import type { CheckResult } from "./store.ts";

/** Rows that are looked at in one turn of the event loop. */
const STEP = 200;

interface FrameRow {
  id: string;
  expires: number | null;
  crc: number;
  frame: string;
}

/**
 * Reads a whole store, as it is at this moment, and reports everything that does not fit together.
 * The server goes on beside it; the memory it takes does not grow with the store.
 */
export async function checkStore(
  database: string,
  content: ContentStore,
  report: (problem: string) => void,
): Promise<CheckResult> {
  const result: CheckResult = {
    frames: 0,
    contents: 0,
    pairs: 0,
    staged: content.staged().contents,
    problems: 0,
  };
  const found = (problem: string) => {
    result.problems++;
    report(problem);
  };
  const db = new Database(database, { readonly: true, strict: true });
  try {
    db.run("BEGIN");
    const parts = [checkDatabase, checkFrames, checkScopes, checkPairs, checkStaged] as const;
    for (const part of parts) await part(db, found, result);
    await checkContents(db, content, found, result);
  } finally {
    db.close();
  }
  return result;
}

type Found = (problem: string) => void;

async function checkDatabase(db: Database, found: Found): Promise<void> {
  const rows = guarded(found, "database", () => db.query("PRAGMA integrity_check").all());
  for (const { integrity_check: text } of (rows ?? []) as { integrity_check: string }[]) {
    if (text !== "ok") found(`database: ${text}`);
  }
  await turn();
}

async function checkFrames(db: Database, found: Found, result: CheckResult): Promise<void> {
  const hasScope = db.query("SELECT 1 FROM scopes WHERE scope = ? AND id = ?");
  const page = db.query(
    `SELECT id, expires, crc, frame FROM frames WHERE id > ? ORDER BY id LIMIT ${STEP}`,
  );
  await eachRow(page, found, "frames", (row: FrameRow) => {
    result.frames++;
    const problem = problemOf(row);
    if (problem) found(`frame ${row.id}: ${problem}`);
    else {
      for (const scope of scopesOfLine(row.frame)) {
        if (!hasScope.get(scope, row.id)) found(`frame ${row.id}: not indexed under ${scope}`);
      }
    }
    return row.id;
  });
}

async function checkScopes(db: Database, found: Found): Promise<void> {
  const frame = db.query("SELECT id, expires, crc, frame FROM frames WHERE id = ?");
  const page = db.query(
    `SELECT scope, id FROM scopes WHERE (scope, id) > (?, ?) ORDER BY scope, id LIMIT ${STEP}`,
  );
  for (let at: [string, string] = ["", ""]; ; await turn()) {
    const rows = guarded(found, "index", () => page.all(...at)) as
      | { scope: string; id: string }[]
      | undefined;
    for (const { scope, id } of rows ?? []) {
      const row = guarded(found, `frame ${id}`, () => frame.get(id)) as FrameRow | null | undefined;
      if (row === null) found(`index: ${scope} names the frame ${id}, which is not there`);
      else if (row && !problemOf(row) && !scopesOfLine(row.frame).includes(scope)) {
        found(`index: ${scope} names the frame ${id}, which does not belong there`);
      }
    }
    const last = rows?.at(-1);
    if (!last) return;
    at = [last.scope, last.id];
  }
}

async function checkPairs(db: Database, found: Found, result: CheckResult): Promise<void> {
  const newest = newestId(db, found);
  const page = db.query(
    "SELECT key, rev, type, crc, value FROM kv WHERE key > ? ORDER BY key LIMIT 20",
  );
  await eachRow(page, found, "k/v pairs", (row: KvRow) => {
    if (row.value) result.pairs++;
    const key = JSON.stringify(row.key);
    if (!isValid(() => parseKey(row.key))) found(`key ${key}: is not a valid key`);
    if (!isValid(() => parseId(row.rev))) found(`key ${key}: its revision ${row.rev} is not an id`);
    else if (row.rev > newest) found(`key ${key}: its revision ${row.rev} was never given`);
    if (kvCrc(row) !== row.crc) found(`key ${key}: does not match its checksum`);
    return row.key;
  });
}

async function checkStaged(db: Database, found: Found, result: CheckResult): Promise<void> {
  const page = db.query("SELECT seq, hash, bytes FROM staged WHERE seq > ? ORDER BY seq LIMIT 100");
  for (let after = -1; ; await turn()) {
    const rows = guarded(found, "staged content", () => page.all(after)) as
      | { seq: number; hash: string; bytes: Uint8Array }[]
      | undefined;
    for (const { hash, bytes } of rows ?? []) {
      result.contents++;
      if (hashOf(bytes) !== hash) found(`content ${hash}: is damaged, in the database`);
    }
    const last = rows?.at(-1);
    if (!last) return;
    after = last.seq;
  }
}

/** Every content file, and that the content of every frame is there. */
async function checkContents(
  db: Database,
  content: ContentStore,
  found: Found,
  result: CheckResult,
): Promise<void> {
  for await (const hash of content.files.list()) {
    result.contents++;
    try {
      if (!(await content.files.isSound(hash))) found(`content ${hash}: is damaged`);
    } catch (error) {
      found(`content ${hash}: ${(error as Error).message}`);
    }
  }
  const now = Date.now();
  const page = db.query(
    `SELECT id, expires, crc, frame FROM frames WHERE id > ? ORDER BY id LIMIT ${STEP}`,
  );
  // What is wrong with the rows themselves was reported before.
  await eachRow(
    page,
    () => {},
    "frames",
    (row: FrameRow) => {
      const expired = row.expires !== null && row.expires <= now;
      const hash = expired || problemOf(row) ? null : parseFrame(row.frame).hash;
      if (hash && !content.has(hash)) found(`content ${hash} of the frame ${row.id}: is missing`);
      return row.id;
    },
  );
}

/** Visits rows in pages, each from after what the visit of the last row gave. */
async function eachRow<Row>(
  page: ReturnType<Database["query"]>,
  found: Found,
  name: string,
  visit: (row: Row) => string,
): Promise<void> {
  for (let after = ""; ; await turn()) {
    const rows = guarded(found, name, () => page.all(after)) as Row[] | undefined;
    if (!rows || rows.length === 0) return;
    for (const row of rows) after = visit(row);
  }
}

/** Reads from the database; where it is damaged, says so and gives undefined. */
function guarded<T>(found: Found, name: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    found(`${name}: cannot all be read: ${(error as Error).message}`);
    return undefined;
  }
}

function problemOf({ id, expires, crc, frame }: FrameRow): string | undefined {
  if (Bun.hash.crc32(frame) !== crc) return "does not match its checksum";
  try {
    const { topic, hash, meta, ttl } = parseFrame(frame);
    const fields = { topic, hash, meta: JSON.stringify(meta), ttl };
    if (idInLine(frame) !== id || encodeFrame(id, fields) !== frame)
      return "is not in its exact form";
    return expiryOf(parseTtl(ttl), id) === expires ? undefined : "has a wrong expiry";
  } catch (error) {
    return (error as Error).message;
  }
}

/** The newest id that is written down anywhere but in a revision. */
function newestId(db: Database, found: Found): string {
  const read = () =>
    db
      .query(
        "SELECT max(id) AS id FROM (SELECT max(id) AS id FROM frames UNION ALL SELECT value FROM facts WHERE key = 'newest_id')",
      )
      .get();
  return (guarded(found, "ids", read) as { id: string | null } | undefined)?.id ?? "~";
}

function isValid(check: () => unknown): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
