import { expect, setDefaultTimeout, test } from "bun:test";
import type { Frame } from "../../src/core/frame.ts";
import { AnswerQueue, asAnswer } from "../../src/gateway/answer-queue.ts";
import type { Store } from "../../src/store/store.ts";
import { append, withStore } from "../support/store.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const OTHER = "0".repeat(25);

/** Appends responses, one in two for somebody else, and tells the queue of them. */
async function respond(store: Store, queue: AnswerQueue, count: number, ttl = "forever") {
  const told: string[] = [];
  for (let n = 0; n < count; n++) {
    await append(store, "http.response", { meta: { request_id: OTHER } });
    const meta = { request_id: queue.requestId, n };
    const frame = await append(store, "http.response", { meta, ttl });
    tell(queue, frame);
    told.push(frame.id);
  }
  return told;
}

function tell(queue: AnswerQueue, frame: Frame): void {
  const answer = asAnswer(frame);
  if (!answer) throw new Error("no answer");
  queue.add(answer);
}

async function take(queue: AnswerQueue, count: number): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) ids.push((await queue.next()).id);
  return ids;
}

test("however far the client is behind, it gets every response once and in order", () =>
  withStore(async (store) => {
    const { id } = await append(store, "http.request");
    const queue = new AnswerQueue(store, id);
    const told = await respond(store, queue, 3000);
    expect(await take(queue, 3000)).toEqual(told);
    // And then what comes live.
    const live = respond(store, queue, 200);
    expect(await take(queue, 200)).toEqual(await live);
  }));

test("responses that come while it reads from the store are neither lost nor doubled", () =>
  withStore(async (store) => {
    const { id } = await append(store, "http.request");
    const queue = new AnswerQueue(store, id);
    const told = await respond(store, queue, 100);
    const taken = await take(queue, 64);
    // These are found in the store before the queue is told of them.
    const late: Frame[] = [];
    for (let n = 0; n < 5; n++) {
      late.push(await append(store, "http.response", { meta: { request_id: id } }));
    }
    taken.push(...(await take(queue, 41)));
    for (const frame of late) tell(queue, frame);
    const more = respond(store, queue, 300);
    taken.push(...(await take(queue, 300)));
    expect(taken).toEqual([...told, ...late.map((frame) => frame.id), ...(await more)]);
  }));

test("a response that comes just as a read finds no more is not taken for gone", () =>
  withStore(async (store) => {
    const { id } = await append(store, "http.request");
    let late: (() => Promise<void>) | undefined;
    const racing = {
      read(options: Parameters<Store["read"]>[0]) {
        const reader = store.read(options);
        const next = async () => {
          const page = await reader.next();
          if (!page) await late?.();
          return page;
        };
        return { next, close: () => reader.close() };
      },
    } as Store;
    const queue = new AnswerQueue(racing, id);
    const told = await respond(store, queue, 70);
    expect(await take(queue, 70)).toEqual(told);
    const came: string[] = [];
    late = async () => {
      late = undefined;
      came.push(...(await respond(store, queue, 1)));
    };
    const taken = await take(queue, 1);
    expect(taken).toEqual(came);
  }));

test("a response that is gone before the client has got so far is an error, not a hole", () =>
  withStore(async (store) => {
    const { id } = await append(store, "http.request");
    for (const ttl of ["ephemeral", "last:10"]) {
      const queue = new AnswerQueue(store, id);
      const told = await respond(store, queue, 100, ttl);
      expect(await take(queue, 64)).toEqual(told.slice(0, 64));
      const rest = take(queue, 36);
      await expect(rest).rejects.toThrow("expired before the client took");
    }
  }));
