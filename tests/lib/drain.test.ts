import { expect, test } from "bun:test";
import { Drain } from "../../src/lib/drain.ts";

test("works off what comes in, in order, one piece at a time", async () => {
  const queue: number[] = [];
  const log: string[] = [];
  const work = async (n: number) => {
    log.push(`${n} begins`);
    await Bun.sleep(1);
    if (n === 1) queue.push(3);
    log.push(`${n} ends`);
  };
  const drain = new Drain(() => {
    const n = queue.shift();
    return n === undefined ? undefined : work(n);
  });
  expect(drain.running).toBeUndefined();
  queue.push(1, 2);
  drain.start();
  drain.start();
  await drain.running;
  expect(log).toEqual([1, 2, 3].flatMap((n) => [`${n} begins`, `${n} ends`]));
  expect(drain.running).toBeUndefined();
});

test("what comes in at any moment around the end of the last piece is not left lying", async () => {
  // The end of a piece is felt some microtasks later by whoever waits for it.
  for (let moment = 0; moment < 20; moment++) {
    const queue = [1];
    const done: number[] = [];
    const drain = new Drain(() => {
      const n = queue.shift();
      return n === undefined ? undefined : Promise.resolve(done.push(n));
    });
    drain.start();
    for (let microtask = 0; microtask < moment; microtask++) await Promise.resolve();
    queue.push(2);
    drain.start();
    await drain.running;
    expect([moment, done]).toEqual([moment, [1, 2]]);
  }
});
