import { expect, setDefaultTimeout, test } from "bun:test";
import { FOREVER } from "../../src/core/ttl.ts";
import { Answers } from "../../src/gateway/answers.ts";
import type { Store } from "../../src/store/store.ts";
import { append, withStore } from "../support/store.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const request = (store: Store) =>
  store.append({ topic: "http.request", meta: "null", ttl: FOREVER, content: null });

const respond = (store: Store, id: string) =>
  append(store, "http.response", { meta: { request_id: id } });

test("an answer finds its request, even if it is read before the request's id is known here", () =>
  withStore(async (store) => {
    const answers = new Answers(store);
    const read = store.read({
      tail: true,
      follow: true,
      order: "asc",
      withTimestamp: false,
      topics: ["http.response"],
    });
    await read.next();
    let response = "";
    const queue = await answers.ask(async () => {
      const line = await request(store);
      response = (await respond(store, JSON.parse(line).id)).id;
      // Whoever reads the stream has it by now.
      await read.next();
      return line;
    });
    expect((await queue.next()).id).toBe(response);
    read.close();
  }));

test("answers go to the requests they name, however they are mixed", () =>
  withStore(async (store) => {
    const answers = new Answers(store);
    const queues = await Promise.all(
      Array.from({ length: 100 }, () => answers.ask(() => request(store))),
    );
    const wanted = await Promise.all(
      queues.toReversed().map(async ({ requestId }) => {
        return [requestId, (await respond(store, requestId)).id] as const;
      }),
    );
    const got = await Promise.all(
      queues.map(async (queue) => [queue.requestId, (await queue.next()).id] as const),
    );
    expect(got).toEqual(wanted.toReversed());
  }));

test("when the store stops, who waits is told", () =>
  withStore(async (store) => {
    const answers = new Answers(store);
    const queue = await answers.ask(() => request(store));
    const next = queue.next();
    store.endReads();
    await expect(next).rejects.toThrow("stopping");
    const later = await answers.ask(() => request(store));
    await expect(later.next()).rejects.toThrow("stopping");
  }));
