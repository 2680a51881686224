import { parseId } from "../../core/id.ts";
import { memberText } from "../../core/json.ts";
import { idAt, type Place, placeOf, positionAt } from "../../core/place.ts";
import { FOREVER, parseTtl } from "../../core/ttl.ts";
import type { Store } from "../../store/store.ts";
import type { Change } from "../../store/types.ts";
import { isLack } from "../child/lack.ts";
import { decodeRetry, encodeRetry, type Retry } from "../handler/retry.ts";
import type { Kind } from "./registry.ts";

/** The event that a frame of the runtime reports about a processor: the last part of its topic. */
export type Answer =
  | "active"
  | "invalid"
  | "restarting"
  | "finished"
  | "failed"
  | "terminated"
  | "replaced"
  | "stopped";

/** The longest reason in a frame; NAME.stderr has the rest of it. */
const MAX_REASON_CHARACTERS = 4000;
/** The wait before the next attempt where the disk is full or a descriptor lacks. */
const RETRY_MS = 1000;

/** The processor that an answer reports about. */
export interface Subject {
  readonly kind: Kind;
  readonly name: string;
  readonly spawnId: string;
}

/** The frame in which the runtime reports an event of a processor. @param more members of its meta */
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
 * Frames that report a restart stay for a day: a program that polls and ends each time would fill the log. The first
 * `.active` stays for ever, so a start of the server needs no later one.
 */
export const RERUN_TTL = parseTtl("time:86400000");

/** Shortens a reason to the length that a frame may have. */
export function shortReason(reason: string): string {
  return reason.length > MAX_REASON_CHARACTERS
    ? `${reason.slice(0, MAX_REASON_CHARACTERS)}…`
    : reason;
}

/** The key of the key/value entry in which the runtime keeps the progress of a processor. */
export function recordKey({ kind, name }: Pick<Subject, "kind" | "name">): string {
  return `stream.cross.${kind}/${name}`;
}

/** The progress of a processor. */
export interface ProcessorRecord {
  readonly spawn_id: string;
  /** The processor is done with every frame up to this place. */
  readonly cursor: Place;
  /** JSON text, with its numbers as the script wrote them. */
  readonly state?: string;
  /** The attempts on the frame after the cursor on which a handler has failed. */
  readonly retry?: Retry;
}

/** The change that stores the progress of a processor. @param state JSON text */
export function writeRecord(
  subject: Subject,
  cursor: Place,
  state?: string,
  retry?: Retry,
): Change {
  const id = idAt(cursor);
  const position = cursor === id ? "" : `,"position":"${positionAt(cursor)}"`;
  const attempts = retry === undefined ? "" : `,${encodeRetry(retry)}`;
  const text = `{"spawn_id":"${subject.spawnId}","cursor":"${id}"${position}${attempts}${state === undefined ? "" : `,"state":${state}`}}`;
  return {
    put: { key: recordKey(subject), type: "application/json", value: Buffer.from(text) },
    writer: subject.name,
  };
}

/**
 * Reads the progress of this spawn, or else the cursor of the spawn before it with the same name. That cursor may be
 * later than the spawn, which an import may bring: the spawn must not handle those frames again.
 *
 * @param resume the spawn goes on where its name was: that progress is its own
 */
export async function readRecord(
  store: Store,
  subject: Subject,
  resume = false,
): Promise<{ own?: ProcessorRecord; before?: Place }> {
  const key = recordKey(subject);
  const entry = await store.kv.get(key);
  if (!entry) return {};
  const record = parseRecord(new TextDecoder().decode(entry.value));
  if (!record) {
    // An import may bring any value.
    process.stderr.write(
      `xs: ${subject.kind} ${subject.name} begins anew: the value of the key ${key} is no record of the runtime\n`,
    );
    return {};
  }
  const isOwn = resume || record.spawn_id === subject.spawnId;
  return isOwn ? { own: record } : { before: record.cursor };
}

/** Removes the progress that spawns before a terminate have left under its name, if it is still there. */
export async function removeRecordBefore(
  store: Store,
  named: Pick<Subject, "kind" | "name">,
  terminateId: string,
): Promise<void> {
  const key = recordKey(named);
  const entry = await store.kv.get(key);
  if (!entry) return;
  const record = parseRecord(new TextDecoder().decode(entry.value));
  if (record && record.spawn_id > terminateId) return;
  await store.apply([{ delete: key, writer: named.name }]);
}

function parseRecord(text: string): ProcessorRecord | undefined {
  try {
    const { spawn_id, cursor, position, ...rest } = JSON.parse(text) as { [key: string]: unknown };
    if (typeof spawn_id !== "string" || typeof cursor !== "string") return undefined;
    parseId(spawn_id);
    if (cursor !== "") parseId(cursor);
    const at = position === undefined ? undefined : parseId(String(position));
    const state = memberText(text, "state");
    const retry = decodeRetry(rest.retry);
    return {
      spawn_id,
      cursor: placeOf(cursor, at),
      ...(state !== undefined && { state }),
      ...(retry && { retry }),
    };
  } catch {
    return undefined;
  }
}

/** Calls `write` again while the disk is full or no descriptor is free. Rejects with every other error of `write`. */
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
