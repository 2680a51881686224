import type { Database } from "bun:sqlite";
import { idInLine } from "../../../core/frame.ts";
import { hashOf, isHash } from "../../../core/hash.ts";
import { parseId } from "../../../core/id.ts";
import { parseKey } from "../../../core/key.ts";
import { idInKey, parseScheduled, SCHEDULED_PREFIX } from "../../../core/scheduled.ts";
import { isOutOfFiles } from "../../failures.ts";
import type { CheckListener, CheckResult } from "../../types.ts";
import { openForReading } from "../connection.ts";
import type { ContentStore } from "../content/content.ts";
import { type KvRow, kvCrc } from "../kv/entry-row.ts";
import { replicaIn } from "../replica/replica-state.ts";
import { checkFrames, checkIndexes, isValid, type Subject } from "./check-frames.ts";
import { Findings } from "./findings.ts";
import type { Integrity } from "./integrity.ts";
import { eachRow, type Table } from "./table-walk.ts";

const LOWEST = Number.MIN_SAFE_INTEGER;
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

async function checkEntries({ db, content, findings }: Subject): Promise<void> {
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
    else if (row.value && row.key.startsWith(SCHEDULED_PREFIX))
      checkScheduled(row, content, findings);
  });
}

/** An append that is scheduled: its frame, and its content. */
function checkScheduled({ key, value }: KvRow, content: ContentStore, findings: Findings): void {
  const name = `scheduled append ${key.slice(SCHEDULED_PREFIX.length)}`;
  try {
    const { hash } = parseScheduled(idInKey(key), value ?? new Uint8Array());
    if (hash && !content.has(hash)) findings.found(`content ${hash} of the ${name}: is missing`);
  } catch (error) {
    findings.found(`${name}: ${(error as Error).message}`);
  }
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
  for (const hash of content.remote?.hashes() ?? []) {
    if (content.files.has(hash)) continue;
    findings.result.contents++;
    try {
      await content.remote?.check(hash);
    } catch (error) {
      findings.found(`content ${hash}: ${(error as Error).message}`);
    }
    await findings.turn();
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
  // Of several machines: each record says what was given by then.
  const recorded = findings.guarded("ids", () => replicaIn(db)?.newest) ?? "";
  return [frame, row.id ?? "", recorded].sort().at(-1) ?? "";
}
