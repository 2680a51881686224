import { expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import type { Frame } from "../../src/core/frame.ts";
import { packId, timestampOf } from "../../src/core/id.ts";
import { parseTopicFilter } from "../../src/core/pattern.ts";
import { READ_ALL, type ReadOptions } from "../../src/core/read-options.ts";
import { parseTakenTopics, type TakenTopics, takes } from "../../src/core/taken-topics.ts";
import { expiryOf, parseTtl } from "../../src/core/ttl.ts";
import type { Store } from "../../src/store/store.ts";
import { append, importFrames, problemsOf, readAll, sqliteEngine } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";
import { topicMatcher } from "../support/topics.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** A store as a plain array, with the rules of retention and of both orders said as simply as can be. */
class Model {
  /** In the order of ids. */
  frames: Frame[] = [];
  /** Where late frames are in the order of arrival, by id. */
  readonly positions = new Map<string, string>();
  /** The ids of the frames that a user removed. */
  readonly removed = new Set<string>();
  /** What the clock shows. */
  now = 1_800_000_000_000;
  /** The latest it has shown to the open store: what has expired stays gone. */
  #latest = 0;

  add(frame: Frame, isNew = false): boolean {
    this.expire();
    const ttl = parseTtl(frame.ttl);
    if (ttl.kind === "ephemeral" || !this.takes(frame)) return false;
    const end = expiryOf(ttl, frame.id);
    // The end of what is new is reckoned with the clock as it is now, also where it was set back.
    if (isNew && end !== null) this.#latest = this.now;
    if (end !== null && end <= this.#latest) return false;
    this.frames.push(frame);
    this.frames.sort((a, b) => (a.id < b.id ? -1 : 1));
    // Of every frame with "last:n": it and those of its topic before it are at most n.
    for (const { id, topic, ttl } of [...this.frames]) {
      const rule = parseTtl(ttl);
      if (rule.kind !== "last" || topic !== frame.topic) continue;
      const upTo = this.frames.filter((f) => f.topic === topic && f.id <= id);
      const kept = new Set(upTo.slice(-rule.count));
      this.frames = this.frames.filter((f) => f.topic !== topic || f.id > id || kept.has(f));
    }
    return this.frames.includes(frame);
  }

  /** Whether an import brings a frame, as far as its id tells. */
  takes({ id }: Frame): boolean {
    return !this.removed.has(id) && !this.frames.some((frame) => frame.id === id);
  }

  remove(id: string): void {
    this.removed.add(id);
    this.frames = this.frames.filter((frame) => frame.id !== id);
  }

  forget(topics: TakenTopics, until = Infinity): void {
    for (const { topic, id } of this.frames) {
      if (takes(topics, topic) && timestampOf(id) < until) this.remove(id);
    }
  }

  reopen(): void {
    this.expire();
    this.#latest = 0;
  }

  expire(): void {
    this.#latest = Math.max(this.#latest, this.now);
    this.frames = this.frames.filter(({ id, ttl }) => {
      const end = expiryOf(parseTtl(ttl), id);
      return end === null || end > this.#latest;
    });
  }

  read({ after, from, since, until, topics, order, last, limit }: ReadOptions): Frame[] {
    this.expire();
    const matches = topicMatcher(topics);
    let found = this.frames.filter(({ topic }) => matches(topic));
    if (since !== undefined) found = found.filter(({ id }) => timestampOf(id) >= since);
    if (until !== undefined) found = found.filter(({ id }) => timestampOf(id) < until);
    if (order === "arrival") {
      const place = (id: string) => [this.positions.get(id) ?? id, id].join();
      found.sort((a, b) => (place(a.id) < place(b.id) ? -1 : 1));
      if (after) found = found.filter(({ id }) => place(id) > place(after));
      return found.slice(0, limit);
    }
    if (order === "desc") found.reverse();
    if (after && order === "asc") found = found.filter(({ id }) => id > after);
    if (after && order === "desc") found = found.filter(({ id }) => id < after);
    if (from) found = found.filter(({ id }) => id >= from);
    if (last !== undefined) found = last === 0 ? [] : found.slice(-last);
    return found.slice(0, limit);
  }
}

const topicNames = fc.constantFrom("a", "a.b", "a.b.c", "a.c", "b", "ab");
const ttls = fc.constantFrom("forever", "forever", "last:1", "last:3", "time:50", "ephemeral");
const appendTtls = fc.oneof(ttls, fc.constant("until:+50"));
const place = fc.nat({ max: 1000 });
/** A bound in time: near the time of a frame. */
const edge = fc.record({ place, by: fc.integer({ min: -1, max: 1 }) });

const steps = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("append" as const),
      topic: topicNames,
      ttl: appendTtls,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("remove" as const), place }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("forget" as const),
      topic: fc.constantFrom("a", "a.*", "a.b.*,b", "*", "stream.cross.*,zz", "*.b", "*,!a.*"),
      until: fc.option(edge, { nil: undefined }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("import" as const),
      topic: topicNames,
      ttl: ttls,
      back: fc.integer({ min: -1000, max: 100_000 }),
      n: fc.nat({ max: 3 }),
      restore: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      ms: fc.integer({ min: -60, max: 60 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reopen" as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      topic: fc.option(
        fc.oneof(
          fc.constantFrom("a", "a.*", "a.b.*", "a,b", "a.*,ab", "*", "zz"),
          fc.constantFrom("*.b", "a.*.c", "*.*", "*,!a.*", "*,!a", "a.*,!*.b", "*.c,b,!a.c"),
        ),
        { nil: undefined },
      ),
      desc: fc.boolean(),
      arrival: fc.boolean(),
      start: fc.option(place, { nil: undefined }),
      inclusive: fc.boolean(),
      since: fc.option(edge, { nil: undefined }),
      until: fc.option(edge, { nil: undefined }),
      last: fc.option(fc.nat({ max: 6 }), { nil: undefined }),
      limit: fc.option(fc.nat({ max: 6 }), { nil: undefined }),
    }),
  },
);
type Step = typeof steps extends fc.Arbitrary<infer T> ? T : never;

/** A time near that of a frame; undefined where there is none. */
function timeOf(edge: { place: number; by: number } | undefined, model: Model): number | undefined {
  const near = edge && model.frames[edge.place % 10]?.id;
  return near === undefined ? undefined : (edge?.by ?? 0) + timestampOf(near);
}

function optionsOf(step: Extract<Step, { do: "read" }>, model: Model): ReadOptions {
  const topics = step.topic === undefined ? undefined : parseTopicFilter(step.topic);
  const isPlain = step.last === undefined;
  const order = isPlain && step.desc ? "desc" : isPlain && step.arrival ? "arrival" : "asc";
  const id = step.start === undefined ? undefined : model.frames[step.start % 10]?.id;
  const start = id && (step.inclusive && order === "asc" ? { from: id } : { after: id });
  const [since, until] = [timeOf(step.since, model), timeOf(step.until, model)];
  return {
    ...READ_ALL,
    order,
    ...start,
    ...(since && { since }),
    ...(until && { until }),
    ...(topics && { topics }),
    ...(step.last !== undefined && { last: step.last }),
    ...(step.limit !== undefined && { limit: step.limit }),
  };
}

/** What both see expire now stays gone, also when the clock is set back. Not every step looks at it. */
async function look(model: Model, store: Store): Promise<void> {
  expect(await readAll(store)).toEqual(model.read(READ_ALL));
}

async function newestIn(store: Store): Promise<string> {
  const [newest] = await readAll(store, { order: "desc", limit: 1 });
  return newest?.id ?? "";
}

/** Takes over the frame that reports a late arrival, which must be there where the import was late, and nowhere else. */
async function takeReceived(
  model: Model,
  store: Store,
  before: string,
  frame: Frame,
): Promise<void> {
  const [received] = await readAll(store, {
    after: before,
    topics: ["stream.cross.received"],
  });
  if (!received) return;
  expect(received.meta).toEqual({ frames: 1, oldest: frame.id });
  model.add(received);
  model.positions.set(frame.id, received.id);
}

async function run(step: Step, model: Model, store: Store): Promise<void> {
  switch (step.do) {
    case "append": {
      const ttl = step.ttl === "until:+50" ? `until:${model.now + 50}` : step.ttl;
      const frame = await append(store, step.topic, { ttl });
      const isAhead = timestampOf(frame.id) > model.now;
      expect(frame.ttl).toBe(ttl === "time:50" && isAhead ? `until:${model.now + 50}` : ttl);
      model.add(frame, true);
      return;
    }
    case "remove": {
      const id = model.frames[step.place % 10]?.id;
      if (id === undefined) return;
      await store.remove(id);
      model.remove(id);
      return;
    }
    case "forget": {
      const topics = parseTakenTopics(step.topic);
      const until = timeOf(step.until, model);
      for await (const _ of store.upkeep.forget({ topics, until }));
      model.forget(topics, until);
      return;
    }
    case "import": {
      const id = packId({
        ts_ms: model.now - step.back,
        counter_hi: 1,
        counter_lo: step.n,
        node: "00000000",
      });
      const { topic, ttl } = step;
      const frame = { topic, id, hash: null, meta: null, ttl };
      const restore = step.restore && model.removed.has(id);
      if (restore) model.removed.delete(id);
      const before = await newestIn(store);
      const { added } = await importFrames(
        store,
        [{ ...frame, meta: "null", ttl: parseTtl(ttl) }],
        {
          restore: step.restore,
        },
      );
      expect(added).toBe(model.add(frame) ? 1 : 0);
      await takeReceived(model, store, before, frame);
      return;
    }
    case "wait":
      model.now += step.ms;
      await look(model, store);
      return;
    case "read": {
      const options = optionsOf(step, model);
      expect(await readAll(store, options)).toEqual(model.read(options));
      return;
    }
  }
}

test("a store does what an array would, over any run of appends, removals, imports and reads", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 5, maxLength: 60 }), async (list) => {
      const model = new Model();
      const path = `${tempDir()}/store`;
      let store = sqliteEngine(path, () => model.now);
      await look(model, store);
      for (const step of list) {
        if (step.do === "reopen") {
          await store.close();
          model.reopen();
          store = sqliteEngine(path, () => model.now);
          await look(model, store);
        }
        await run(step, model, store);
      }
      await look(model, store);
      expect(await readAll(store, { order: "desc" })).toEqual(
        model.read({ ...READ_ALL, order: "desc" }),
      );
      expect(await problemsOf(store)).toEqual([]);
      await store.close();
    }),
    { numRuns: Number(process.env.XS_MODEL_RUNS ?? 150) },
  );
}, 60_000);
