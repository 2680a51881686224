import { packId } from "../../src/core/id.ts";
import type { Server } from "./server.ts";

/** 2020-01-01: before everything that a server of a test appends. */
const PAST_MS = 1_577_836_800_000;

/** An id of years ago: the higher the number, the higher the id. @param n below 2^24 */
export function lateId(n: number): string {
  return packId({ ts_ms: PAST_MS + n, counter_hi: 0, counter_lo: 0, node: "00000000" });
}

/** A line of an import. */
export function importLine(topic: string, id: string, meta: unknown, hash = ""): string {
  return JSON.stringify({ topic, id, hash: hash === "" ? null : hash, meta, ttl: "forever" });
}

/** Imports frames in one commit. */
export async function importLines(server: Server, lines: readonly string[]): Promise<void> {
  const response = await server.fetch("/import", { method: "POST", body: lines.join("\n") });
  if (!response.ok) throw new Error(await response.text());
  await response.bytes();
}

/** Imports late frames in one commit, with the numbers from, from + 1 … as meta.n. */
export function importLate(
  server: Server,
  topic: string,
  count: number,
  from: number,
): Promise<void> {
  const lines = Array.from({ length: count }, (_, at) =>
    importLine(topic, lateId(from + at), { n: from + at }),
  );
  return importLines(server, lines);
}
