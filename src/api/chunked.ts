import { type Chunk, type ChunkMode, chunkIn } from "../core/chunk.ts";
import { XsError } from "../core/error.ts";
import {
  encodeMeta,
  type Frame,
  framesIn,
  idInLine,
  parseObject,
  withTimestamp,
} from "../core/frame.ts";
import { chunkKey } from "../core/index-keys.ts";
import type { Json } from "../core/json.ts";
import { READ_ALL } from "../core/read-options.ts";
import { Signal } from "../lib/signal.ts";
import { streamOf } from "../lib/streams.ts";
import type { FrameReader } from "../store/frame-reader.ts";
import type { Store } from "../store/store.ts";
import type { AppendRequest, Change } from "../store/types.ts";
import { STREAMED } from "./answer-headers.ts";
import type { Call } from "./call.ts";
import { Splitter } from "./chunk-splitter.ts";
import { brokeOff, checkCrowd } from "./lasting-answer.ts";

/** The most pieces of one commit. */
const MAX_PIECES_PER_COMMIT = 500;
/** The most bytes of the response that wait for the client. */
const MAX_WAITING_BYTES = 64 * 1024;

type Write = Pick<AppendRequest, "topic" | "meta" | "ttl">;

/**
 * Appends a frame for each piece of the body as it arrives, and a last frame without content when the
 * body ends or breaks off. Responds with the frames as NDJSON, each as soon as it is durable.
 */
export async function appendChunks(
  call: Call,
  write: Write,
  mode: ChunkMode,
  timestamp: boolean,
): Promise<Response> {
  const { store, request } = call;
  checkCrowd(call);
  const series = new Series(store, write);
  const lines = series.appendBody(request.body, new Splitter(mode));
  // An error before the first frame still sets the status of the response.
  const first = await lines.next();
  let gone = false;
  const ready = new Signal();
  const body = new ReadableStream<Uint8Array>(
    {
      async start(controller) {
        const send = async (line: string) => {
          if (gone) return;
          controller.enqueue(Buffer.from(`${timestamp ? withTimestamp(line) : line}\n`));
          if ((controller.desiredSize ?? 1) <= 0) await ready.wait();
        };
        void (async () => {
          try {
            if (!first.done) await send(first.value);
            // The body is stored to its end, even if the client does not read the response.
            for await (const line of lines) await send(line);
            if (!gone) controller.close();
          } catch (error) {
            if (!gone) controller.error(brokeOff(call)(error));
          }
        })();
      },
      pull: () => ready.wake(),
      cancel() {
        gone = true;
        ready.wake();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: MAX_WAITING_BYTES }),
  );
  return new Response(body, { headers: { ...STREAMED, "content-type": "application/x-ndjson" } });
}

/** The frames of one chunked content. */
class Series {
  readonly #store: Store;
  readonly #write: Write;
  readonly #meta: { [key: string]: Json };
  #first: string | null = null;
  #index = 0;

  constructor(store: Store, write: Write) {
    const meta = write.meta === "null" ? {} : parseObject(write.meta);
    if (!meta || "chunk" in meta) {
      throw new XsError(
        "bad_meta",
        'the meta of a chunked append is an object, to which "chunk" is added',
      );
    }
    this.#store = store;
    this.#write = write;
    this.#meta = meta;
    // Tries the largest meta now, so that a later chunk cannot fail for its size.
    this.#metaWith({ of: "z".repeat(25), index: 2 ** 53 - 1, more: false, aborted: true });
  }

  async *appendBody(
    body: ReadableStream<Uint8Array> | null,
    splitter: Splitter,
  ): AsyncGenerator<string> {
    let aborted = false;
    try {
      for await (const bytes of sourceOf(body)) {
        if (bytes === "aborted") aborted = true;
        else yield* this.#append(splitter.push(bytes));
      }
      const rest = splitter.end();
      if (rest) yield* this.#append([rest]);
    } catch (error) {
      // The store refused a chunk: the last frame tells followers that no more content comes.
      if (this.#first !== null) await this.#end(true).catch(() => {});
      throw error;
    }
    yield await this.#end(aborted);
  }

  async *#append(pieces: Uint8Array[]): AsyncGenerator<string> {
    let rest = pieces;
    while (rest.length > 0) {
      // The first chunk is committed alone, because the others name its id.
      const step = rest.slice(0, this.#first === null ? 1 : MAX_PIECES_PER_COMMIT);
      rest = rest.slice(step.length);
      const changes: Change[] = [];
      for (const bytes of step) {
        const ephemeral = this.#write.ttl.kind === "ephemeral";
        const content = await this.#store.content.take(bytes, ephemeral);
        const chunk = { of: this.#first, index: this.#index++, more: true };
        const begins = this.#first === null && { growing: "begins" as const };
        const append = { ...this.#write, ...begins, meta: this.#metaWith(chunk), content };
        changes.push({ append });
      }
      const lines = await this.#store.apply(changes);
      this.#first ??= idInLine(lines[0] ?? "");
      yield* lines;
    }
  }

  #end(aborted: boolean): Promise<string> {
    const chunk = { of: this.#first, index: this.#index, more: false };
    const meta = this.#metaWith(aborted ? { ...chunk, aborted: true } : chunk);
    const ended = this.#first !== null && { growing: { ended: this.#first } };
    return this.#store.append({ ...this.#write, ...ended, meta, content: null });
  }

  #metaWith(chunk: Chunk): string {
    return encodeMeta({ ...this.#meta, chunk } as unknown as Json);
  }
}

/** Yields the bytes of a body and, if it breaks off, "aborted" at last. */
async function* sourceOf(
  body: ReadableStream<Uint8Array> | null,
): AsyncGenerator<Uint8Array | "aborted"> {
  if (!body) return;
  const reader = body.getReader();
  for (;;) {
    const { value, done } = await reader.read().catch(() => ({ value: undefined, done: false }));
    if (done) return;
    yield value ?? "aborted";
    if (!value) return;
  }
}

/** Streams chunked content from its first frame on; follows content that still grows to its end. */
export function chunkedContent(call: Call, first: Frame): ReadableStream<Uint8Array> {
  const { store } = call;
  const follow = store.isGrowing(first.id);
  if (follow) checkCrowd(call);
  const reader = store.read({ ...READ_ALL, topics: [chunkKey(first.id)], follow });
  const chunks = contentOf(store, first, reader);
  return streamOf(chunks, () => reader.close(), brokeOff(call));
}

async function* contentOf(
  store: Store,
  first: Frame,
  reader: FrameReader,
): AsyncGenerator<Uint8Array> {
  yield* bytesOf(store, first);
  for (let page = await reader.next(); page; page = await reader.next()) {
    // Chunks that an import brings meanwhile would stand in the wrong place.
    if (reader.position !== undefined) continue;
    for (const frame of framesIn(page)) {
      // Whoever may write other topics only has no part in the content of this one.
      if (frame.topic !== first.topic) continue;
      const chunk = chunkIn(frame.meta);
      yield* bytesOf(store, frame);
      if (chunk?.more !== false) continue;
      reader.close();
      return;
    }
  }
}

async function* bytesOf(store: Store, { id, hash }: Frame): AsyncGenerator<Uint8Array> {
  if (hash === null) return;
  const content = await store.content.open(hash);
  if (!content) throw new XsError("content_not_found", `the content ${hash} of ${id} is missing`);
  yield* content.stream();
}
