// The checks of the chaos tests find what they are to find: a lost, a doubled and a disordered frame.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Frame } from "../../src/core/frame.ts";
import { Batches } from "../crash/work/batches.ts";
import { Chains } from "../crash/work/chains.ts";
import { expectFollowed } from "../crash/work/followers.ts";
import { Frames } from "../crash/work/frames.ts";
import { Handlers } from "../crash/work/handlers.ts";
import { Retries } from "../crash/work/retries.ts";
import { Log, type Work } from "../crash/work.ts";
import { Gone } from "../support/ask.ts";
import { Random } from "../support/random.ts";
import { startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** Adds a copy of a frame at the end, with an id of its own: what a retry without a table of answers leaves, or a step without a check of its cursor. */
function doubled(frames: readonly Frame[], topic: string): Frame[] {
  const frame = frames.findLast((one) => one.topic === topic);
  const id = `${frames.at(-1)?.id.slice(0, -1)}~`;
  return frame ? [...frames, { ...frame, id }] : [];
}

function without(frames: readonly Frame[], topic: string): Frame[] {
  const gone = frames.find((one) => one.topic === topic || one.topic.startsWith(`${topic}.`));
  return frames.filter((frame) => frame !== gone);
}

test("a dropped frame, a doubled append and a doubled step are found, of every kind of work", async () => {
  using home = tempDirectory();
  await using server = await startServer(home.path);
  const works = {
    frames: new Frames(),
    batches: new Batches(),
    chains: new Chains(),
    retries: new Retries(),
    handlers: new Handlers(),
  };
  let isOver = false;
  const asked = {
    fetch: async (path: string, init?: RequestInit) => {
      if (isOver) throw new Gone();
      return await server.fetch(path, init);
    },
    frames: (path?: string) => server.frames(path),
    append: (topic: string) => server.append(topic),
  };
  const writers = Object.values(works).map((work: Work) => work.write(asked, new Random(1), 0));
  const ends = Promise.allSettled(writers);
  await until("some outputs", async () => (await server.frames("/?topic=handled.out")).length > 5);
  isOver = true;
  for (const end of await ends) {
    expect(end).toMatchObject({ status: "rejected", reason: expect.any(Gone) });
  }
  await works.handlers.finish(server);
  const frames = await server.frames();
  const check = (work: Work, log: readonly Frame[]) => work.check(server, new Log(log));
  for (const work of Object.values(works)) await check(work, frames);
  const found: [Work, Frame[]][] = [
    [works.frames, without(frames, "frames")],
    [works.frames, doubled(frames, "frames.0")],
    [works.batches, without(frames, "batches")],
    [works.chains, without(frames, "chains")],
    [works.chains, doubled(frames, "chains.0")],
    [works.retries, without(frames, "retries")],
    [works.retries, doubled(frames, "retries")],
    [works.handlers, without(frames, "handled.out")],
    [works.handlers, doubled(frames, "handled.out")],
  ];
  for (const [work, log] of found) {
    const name = work.constructor.name;
    const outcome = await check(work, log).then(
      () => "not found",
      () => "found",
    );
    expect([name, log.length - frames.length, outcome]).toEqual([
      name,
      log.length - frames.length,
      "found",
    ]);
  }
  const log = new Log(frames);
  expectFollowed(frames, log);
  expect(() => expectFollowed(without(frames, "retries"), log)).toThrow();
  expect(() => expectFollowed(doubled(frames, "retries").toReversed(), log)).toThrow();
});
