import type { TarPackController } from "modern-tar";
import {
  contentEntry,
  FRAMES,
  KV_ENTRIES,
  LATE,
  PROBLEMS,
  TOMBSTONES,
} from "../core/export-format.ts";
import { nextTurn } from "../lib/next-turn.ts";
import { pulled } from "../lib/streams.ts";
import type { Position, Tombstone } from "../store/import.ts";
import type { EntryData } from "../store/kv.ts";
import type { StoreSnapshot, Totals } from "../store/snapshot.ts";
import { STORED_BYTES, STREAMED } from "./answer-headers.ts";
import type { Call } from "./call.ts";
import { ExportedContent } from "./export-content.ts";
import { brokeOff } from "./lasting-answer.ts";

/**
 * Responds with the whole store as one tar: the frames, the key/value entries, and each content by its hash.
 * The same store always yields the same bytes. An export holds no damaged content: it lists that in the
 * file {@link PROBLEMS}. If an error stops the export, the response breaks off.
 *
 * @throws XsError `frame_damaged`, `value_damaged`, `too_many_requests`
 */
export async function exportStore(call: Call): Promise<Response> {
  const { store, rooms } = call;
  const type = { ...STORED_BYTES, ...STREAMED, "content-type": "application/x-tar" };
  const { createTarPacker } = await import("modern-tar");
  using failed = new DisposableStack();
  const share = failed.use(rooms.exports.take());
  const snapshot = failed.adopt(await store.snapshot(), (snapshot) => snapshot.close());
  const { frames, late, tombstones } = snapshot.totals();
  // Finds damage before the response begins, while its status can still report it.
  for (const rows of [snapshot.frames(), snapshot.late(), snapshot.tombstones()]) {
    for (const _ of rows) await nextTurn();
  }
  const kv = await entryTotals(snapshot);
  const { readable, controller } = createTarPacker();
  const content = new ExportedContent(store, snapshot);
  const pack = async () => {
    await add(controller, FRAMES, frames.bytes, content.watched(snapshot.frames()));
    await add(controller, KV_ENTRIES, kv.bytes, entryLines(snapshot));
    await addLines(controller, LATE, late, snapshot.late(), lateLine);
    await addLines(controller, TOMBSTONES, tombstones, snapshot.tombstones(), tombstoneLine);
    for await (const { hash, size, chunks } of content.all()) {
      await add(controller, contentEntry(hash), size, chunks);
    }
    const problems = content.problemLines();
    if (problems.length > 0) await add(controller, PROBLEMS, problems.length, [problems]);
    controller.finalize();
  };
  // Packing goes at the pace of the client, and fails when the client leaves.
  pack()
    .catch((error) => controller.error(brokeOff(call)(error)))
    .finally(() => snapshot.close());
  const counts = { "xs-frames": String(frames.rows), "xs-pairs": String(kv.entries) };
  // A small store is packed at once and stays in memory until the client reads it, so its room stays taken.
  const response = new Response(
    untilTaken(readable, () => share.release()),
    { headers: { ...type, ...counts } },
  );
  failed.move();
  return response;
}

/** Returns the same stream; calls `over` when the client has read all of it, or has left. */
function untilTaken(
  stream: ReadableStream<Uint8Array>,
  over: () => void,
): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  const next = async () => {
    try {
      const { value, done } = await reader.read();
      if (done) over();
      return value;
    } catch (error) {
      over();
      throw error;
    }
  };
  const left = () => {
    over();
    reader.cancel().catch(() => {});
  };
  return pulled(next, left);
}

/** Adds a file to the tar, without owner and time, so that equal stores yield equal bytes. */
async function add(
  tar: TarPackController,
  name: string,
  size: number,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const writer = tar
    .add({ name, size, mode: 0o644, mtime: new Date(0), uid: 0, gid: 0 })
    .getWriter();
  for await (const chunk of chunks) await writer.write(chunk);
  await writer.close();
}

/** Adds a file of short lines, unless there are none. @param totals of the values in the lines */
async function addLines<Row extends { readonly id: string }>(
  tar: TarPackController,
  name: string,
  { rows, bytes }: Totals,
  pages: Iterable<readonly Row[]>,
  line: (row: Row | typeof NO_VALUES) => string,
): Promise<void> {
  if (rows === 0) return;
  const names = line(NO_VALUES).length;
  await add(tar, name, bytes + rows * names, pagesOf(pages, line));
}

/** The row of a line that has only its names. */
const NO_VALUES = { id: "", position: "", ms: "" };

function* pagesOf<Row>(
  pages: Iterable<readonly Row[]>,
  line: (row: Row) => string,
): Generator<Uint8Array> {
  for (const page of pages) yield Buffer.from(page.map(line).join(""));
}

function lateLine({ id, position }: Position): string {
  return `{"id":"${id}","position":"${position}"}\n`;
}

function tombstoneLine({
  id,
  ms,
}: Pick<Tombstone, "id"> & { readonly ms: number | string }): string {
  return `{"id":"${id}","removed":${ms}}\n`;
}

/** Counts the entries that have a value, and the bytes of all lines: a tar states the size of a file before its bytes. */
async function entryTotals(snapshot: StoreSnapshot): Promise<{ entries: number; bytes: number }> {
  const total = { entries: 0, bytes: 0 };
  let lines = 0;
  for (const entry of snapshot.entries()) {
    const size = entry.value ? 4 * Math.ceil(entry.value.length / 3) : 0;
    total.bytes += Buffer.byteLength(entryLine(entry, "")) + size;
    if (entry.value) total.entries++;
    if (++lines % 20 === 0) await nextTurn();
  }
  return total;
}

function* entryLines(snapshot: StoreSnapshot): Generator<Uint8Array> {
  for (const entry of snapshot.entries()) {
    const { value } = entry;
    const bytes = value && Buffer.from(value.buffer, value.byteOffset, value.length);
    yield Buffer.from(entryLine(entry, bytes?.toString("base64") ?? ""));
  }
}

/** The line of an entry. @param base64 its value */
function entryLine({ key, rev, type, writer, value }: EntryData, base64: string): string {
  const by = writer !== null && { by: writer };
  const state = value ? { type, value: base64 } : { deleted: true };
  return `${JSON.stringify({ key, rev, ...state, ...by })}\n`;
}
