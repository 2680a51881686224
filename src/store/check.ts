import type { Database } from "bun:sqlite";
import { XsError } from "../frame/error.ts";
import { encodeFrame, idInLine, parseFrame } from "../frame/frame.ts";
import { hashOf } from "../frame/hash.ts";
import { scopesOf } from "../frame/topic.ts";
import { expiryOf, parseTtl } from "../frame/ttl.ts";
import type { ContentStore } from "./content.ts";
import type { Problem } from "./store.ts";

interface Row {
  id: string;
  expires: number | null;
  crc: number;
  frame: string;
}

/** Reads a whole store and gives a sentence for everything that does not fit together. */
export async function checkStore(db: Database, content: ContentStore): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const { integrity_check: found } of db.query("PRAGMA integrity_check").all() as {
    integrity_check: string;
  }[]) {
    if (found !== "ok") problems.push(`database: ${found}`);
  }
  const hashes = new Set<string>();
  let scopes = 0;
  const hasScope = db.query("SELECT 1 FROM scopes WHERE scope = ? AND id = ?");
  for (const row of db
    .query("SELECT id, expires, crc, frame FROM frames")
    .iterate() as Iterable<Row>) {
    const problem = checkRow(row);
    if (problem) {
      problems.push(`frame ${row.id}: ${problem}`);
      continue;
    }
    const { topic, hash } = parseFrame(row.frame);
    if (hash) hashes.add(hash);
    for (const scope of scopesOf(topic)) {
      scopes++;
      if (!hasScope.get(scope, row.id))
        problems.push(`frame ${row.id}: not indexed under ${scope}`);
    }
  }
  const { n } = db.query("SELECT count(*) AS n FROM scopes").get() as { n: number };
  if (n !== scopes) problems.push(`index: ${n} entries for ${scopes} expected`);
  for (const { hash, bytes } of db.query("SELECT hash, bytes FROM staged").iterate() as Iterable<{
    hash: string;
    bytes: Uint8Array;
  }>) {
    if (hashOf(bytes) !== hash) problems.push(`staged content ${hash}: does not match its hash`);
  }
  for (const hash of hashes) {
    try {
      if (!(await content.open(hash))) problems.push(`content ${hash}: missing`);
    } catch (error) {
      if (!(error instanceof XsError)) throw error;
      problems.push(`content ${hash}: ${error.message}`);
    }
  }
  return problems;
}

function checkRow({ id, expires, crc, frame }: Row): string | undefined {
  if (Bun.hash.crc32(frame) !== crc) return "does not match its checksum";
  const { topic, hash, meta, ttl } = parseFrame(frame);
  const fields = { topic, hash, meta: JSON.stringify(meta), ttl };
  if (idInLine(frame) !== id || encodeFrame(id, fields) !== frame)
    return "is not in its exact form";
  return expiryOf(parseTtl(ttl), id) === expires ? undefined : "has a wrong expiry";
}
