import { XsError } from "../../core/error.ts";
import { encodeMeta } from "../../core/frame.ts";
import type { Json } from "../../core/json.ts";
import { isRawNumber } from "../../core/json.ts";
import type { Ttl } from "../../core/ttl.ts";
import { bytesOfText } from "../../core/utf8.ts";
import { LineBuffer, linesOfBytes, textLines } from "../../lib/lines.ts";
import { MAX_LINE, parseGeneratorLine } from "../../sdk/protocol.ts";
import { MAX_SMALL_CONTENT } from "../../store/content.ts";
import type { Store } from "../../store/store.ts";
import type { AppendRequest, TakenContent } from "../../store/types.ts";
import { retryWhileDiskFull } from "../lifecycle/answers.ts";

const LF = 10;
/** The most frames of one commit. */
const FRAMES_A_COMMIT = 1000;

type Meta = { readonly [key: string]: Json };

/** The store, and the frame's members besides content, for the lines of a program. */
export interface LineTarget {
  readonly store: Store;
  readonly topic: string;
  readonly meta: Meta;
  readonly ttl: Ttl;
}

/**
 * Appends a frame for each line of a stream as it comes, at the pace of the store. A line of any
 * length becomes one content; it is never whole in memory.
 */
export async function writeLines(
  stream: ReadableStream<Uint8Array>,
  target: LineTarget,
): Promise<void> {
  const reader = stream.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  const buffer = new LineBuffer();
  const take = async (bytes: Uint8Array) => {
    const lines = buffer.push(bytes).flatMap((piece) => [...linesOfBytes(piece)]);
    if (lines.length > 0) await appendLines(lines, target);
  };
  for (let chunk = await next(reader); chunk; chunk = await next(reader)) {
    await take(chunk);
    while (buffer.size > MAX_SMALL_CONTENT)
      await take(await appendLong(buffer.take(), reader, target));
  }
  if (buffer.size > 0) await appendLines([buffer.take()], target);
}

/**
 * Appends a frame for each value that a generator writes in the line protocol, at the pace of the store.
 *
 * @throws ProtocolError, XsError `bad_frame`
 */
export async function writeValues(
  stream: ReadableStream<Uint8Array>,
  target: LineTarget,
): Promise<void> {
  for await (const lines of textLines(stream, { most: MAX_LINE })) {
    for (let n = 0; n < lines.length; n += FRAMES_A_COMMIT) {
      const requests: AppendRequest[] = [];
      for (const line of lines.slice(n, n + FRAMES_A_COMMIT)) {
        const value = parseGeneratorLine(line);
        const made =
          "recv" in value
            ? outputOf(value.recv, target.meta)
            : { content: fromBase64(value.recv_base64) };
        requests.push(await requestOf(target, made));
      }
      await append(target.store, requests);
    }
  }
}

/**
 * Turns a script's output into the parts of a frame: a record becomes meta, any other value becomes content, as text
 * or JSON. A record too large for meta becomes content too: the script could not know how large it gets.
 *
 * @param beside the members that the runtime adds to the meta
 */
export function outputOf(value: Json, beside: Meta): { meta: string; content?: Uint8Array } {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  if (isRecord && !isRawNumber(value)) {
    try {
      return { meta: encodeMeta({ ...value, ...beside }) };
    } catch (error) {
      if (!(error instanceof XsError)) throw error;
    }
  }
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return { meta: encodeMeta(beside), content: bytesOfText(text, "the text") };
}

/** Decodes base64. @throws XsError `bad_frame` */
export function fromBase64(text: Json): Uint8Array {
  if (typeof text === "string" && /^[A-Za-z0-9+/]*={0,2}$/.test(text))
    return Buffer.from(text, "base64");
  throw new XsError("bad_frame", "the bytes are not in base64");
}

/** Appends a frame for each line. */
export async function appendLines(lines: readonly Uint8Array[], target: LineTarget): Promise<void> {
  for (let n = 0; n < lines.length; n += FRAMES_A_COMMIT) {
    const commit = lines.slice(n, n + FRAMES_A_COMMIT);
    const requests: AppendRequest[] = [];
    for (const content of commit) requests.push(await requestOf(target, { content }));
    await append(target.store, requests);
  }
}

/** The source of a stream's bytes. */
type Source = Pick<ReadableStreamDefaultReader<Uint8Array>, "read">;

/** Appends a line that is too long for memory, and returns the bytes after it that were read with it. */
export async function appendLong(
  head: Uint8Array,
  reader: Source,
  target: LineTarget,
): Promise<Uint8Array> {
  let after: Uint8Array = new Uint8Array();
  let start: Uint8Array | undefined = head;
  const line = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = start ?? (await next(reader));
        start = undefined;
        if (!chunk) return controller.close();
        const end = chunk.indexOf(LF);
        if (end < 0) return controller.enqueue(chunk);
        after = chunk.subarray(end + 1);
        if (end > 0) controller.enqueue(chunk.subarray(0, end));
        controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  const { store, topic, ttl, meta } = target;
  const content = await store.content.take(line);
  await append(store, [{ topic, ttl, meta: encodeMeta(meta), content }]);
  return after;
}

async function requestOf(
  { store, topic, ttl, meta: beside }: LineTarget,
  { meta = encodeMeta(beside), content }: { meta?: string; content?: Uint8Array },
): Promise<AppendRequest> {
  let taken: TakenContent | null = null;
  if (content && content.length > 0) {
    const ephemeral = ttl.kind === "ephemeral";
    taken = await retryWhileDiskFull(() => store.content.take(content, ephemeral));
  }
  return { topic, ttl, meta, content: taken };
}

async function append(store: Store, requests: readonly AppendRequest[]): Promise<void> {
  const changes = requests.map((append) => ({ append }));
  if (changes.length > 0) await retryWhileDiskFull(() => store.apply(changes));
}

async function next(reader: Source): Promise<Uint8Array | undefined> {
  const { value, done } = await reader.read();
  return done ? undefined : value;
}
