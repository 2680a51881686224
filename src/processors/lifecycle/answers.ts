import { parseId } from "../../core/id.ts";
import { memberText } from "../../core/json.ts";
import { FOREVER, parseTtl } from "../../core/ttl.ts";
import type { Store } from "../../store/store.ts";
import type { Change } from "../../store/types.ts";
import { isLack } from "../child/lack.ts";
import type { Kind } from "./registry.ts";

/** What the runtime answers about a processor; the last part of the topic. */
export type Answer =
  | "active"
  | "invalid"
  | "restarting"
  | "finished"
  | "failed"
  | "terminated"
  | "replaced"
  | "stopped";

/** Longest reason, in characters; the rest of it is in NAME.stderr. */
const MAX_REASON = 4000;
/** When the disk is full, or a descriptor lacks, it is tried again so much later, in ms. */
const RETRY_MS = 1000;

/** Who an answer is about. */
export interface Subject {
  readonly kind: Kind;
  readonly name: string;
  readonly spawnId: string;
}

/** A frame of the runtime about a processor. */
export function answer(
  { kind, name, spawnId }: Subject,
  event: Answer,
  more = {},
  ttl = FOREVER,
): Change {
  const meta = { topic: name, spawn_id: spawnId, ...more };
  const topic = `stream.cross.${kind}.${event}`;
  return { append: { topic, meta: JSON.stringify(meta), ttl, content: null } };
}

/**
 * What tells that a program ended and runs again is kept for a day: a poll that ends each time would
 * fill the log. What runs is known without it, by the first `.active`, which stays.
 */
const RERUN_TTL = parseTtl("time:86400000");

/** A frame about one of the later runs of a program. */
export function rerunAnswer(subject: Subject, event: "restarting" | "active", more = {}): Change {
  return answer(subject, event, more, RERUN_TTL);
}

/** A reason as it stands in an answer. */
export function shortReason(reason: string): string {
  return reason.length > MAX_REASON ? `${reason.slice(0, MAX_REASON)}…` : reason;
}

/** Where the runtime remembers how far a processor is: a key of the k/v store. */
export function recordKey({ kind, name }: Pick<Subject, "kind" | "name">): string {
  return `stream.cross.${kind}/${name}`;
}

/** How far a processor is. */
export interface ProcessorRecord {
  readonly spawn_id: string;
  /** Everything up to this id is done. */
  readonly cursor: string;
  /** JSON text, with the numbers that the script wrote. */
  readonly state?: string;
}

/** Remembers how far a processor is; `state` is JSON text. */
export function writeRecord(subject: Subject, cursor: string, state?: string): Change {
  const text = `{"spawn_id":"${subject.spawnId}","cursor":"${cursor}"${state === undefined ? "" : `,"state":${state}`}}`;
  return { put: { key: recordKey(subject), type: "application/json", value: Buffer.from(text) } };
}

/**
 * What is remembered of this very spawn, or else how far the one before it of its name came. An import
 * may have brought a spawn that is older than what ran meanwhile, and that is not done again.
 */
export async function readRecord(
  store: Store,
  subject: Subject,
): Promise<{ own?: ProcessorRecord; before?: string }> {
  const key = recordKey(subject);
  const pair = await store.kv.get(key);
  if (!pair) return {};
  const record = parseRecord(new TextDecoder().decode(pair.value));
  if (!record) {
    // An import may bring anything.
    process.stderr.write(
      `xs: ${subject.kind} ${subject.name} begins anew: what stands at the key ${key} is no record of the runtime\n`,
    );
    return {};
  }
  return record.spawn_id === subject.spawnId ? { own: record } : { before: record.cursor };
}

function parseRecord(text: string): ProcessorRecord | undefined {
  try {
    const { spawn_id, cursor } = JSON.parse(text) as { [key: string]: unknown };
    if (typeof spawn_id !== "string" || typeof cursor !== "string") return undefined;
    parseId(spawn_id);
    if (cursor !== "") parseId(cursor);
    const state = memberText(text, "state");
    return { spawn_id, cursor, ...(state !== undefined && { state }) };
  } catch {
    return undefined;
  }
}

/** The later of two ids. */
export function later(one: string, other: string | undefined): string {
  return other !== undefined && other > one ? other : one;
}

/** Does it as soon as the disk has room, and a descriptor is free. @throws XsError where the store fails or is closed */
export async function retryWhileDiskFull<T>(write: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if ((error as { code?: string }).code !== "disk_full" && !isLack(error)) throw error;
    }
    await Bun.sleep(RETRY_MS);
  }
}
