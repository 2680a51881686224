// Processors of a store on several machines: they run on the node that leads, and exactly once over changes of that.
import { expect, setDefaultTimeout, test } from "bun:test";
import { timestampOf } from "../../src/core/id.ts";
import { FOREVER, parseTtl } from "../../src/core/ttl.ts";
import { LedNodes } from "../support/led-nodes.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const ADDS = `export default {
  topics: ["n"],
  start: "first",
  initial: 0,
  async run(frame, state, xs) {
    const sum = state + frame.meta.n;
    await xs.kv.put("sum", String(sum));
    return { out: { n: frame.meta.n, sum }, next: sum };
  },
}`;

test("a handler with a state and a view misses nothing and does nothing twice over ten changes of leader", async () => {
  await using nodes = new LedNodes(3);
  await nodes.spawn("handler", "adds", ADDS);
  let n = 0;
  for (let change = 0; change < 10; change++) {
    const leader = await nodes.leader();
    const before = leader.node.epoch;
    for (let i = 0; i < 5; i++) await nodes.at(n % 3).say("n", { n: n++ });
    await leader.resign();
    await until("another epoch", () =>
      nodes.all.some(({ node }) => node.epoch !== undefined && node.epoch !== before),
    );
    await nodes.at(n % 3).say("n", { n: n++ });
  }
  const outs = await until("an output of each frame", async () => {
    const frames = await nodes.at(0).frames("adds.out");
    return frames.length >= n && frames;
  });
  const inputs = (await nodes.at(0).frames("n")).map(({ meta }) => meta.n);
  let sum = 0;
  const wanted = inputs.map((each) => {
    sum += each;
    return { n: each, sum };
  });
  expect(outs.map(({ meta }) => ({ n: meta.n, sum: meta.sum }))).toEqual(wanted);
  for (const { node } of nodes.all) {
    await until(`${node.name} has all`, async () => {
      const entry = await node.store.kv.get("sum");
      return new TextDecoder().decode(entry?.value) === String(sum);
    });
  }
  expect(inputs).toEqual([...Array(n).keys()]);
  // Nobody says that it failed, or restarts, because it leads no more.
  const said = new Set(nodes.all.flatMap(({ events }) => events));
  expect([...said]).toEqual(["adds active"]);
});

test("a node that is cut off and leads again writes nothing of what it had begun", async () => {
  await using nodes = new LedNodes(2);
  const first = await nodes.leader();
  const other = nodes.all.find((each) => each !== first) ?? first;
  await nodes.spawn("handler", "adds", ADDS);
  await first.say("n", { n: 1 });
  await until("an output", async () => (await first.frames("adds.out")).length === 1);
  first.cluster.cut();
  // The steps of these begin on the node that is cut off: it still believes that it leads.
  const lost = first.say("n", { n: 2 }).catch(() => {});
  await until("the other one leads", () => other.node.epoch !== undefined);
  await other.say("n", { n: 3 });
  await until("its output", async () => (await other.frames("adds.out")).length >= 2);
  other.cluster.cut();
  first.cluster.heal();
  await lost;
  await until("the first one leads again", () => (first.node.epoch ?? 0) > (other.node.epoch ?? 0));
  await first.say("n", { n: 4 });
  const inputs = await until("an output of each", async () => {
    const ins = (await first.frames("n")).map(({ meta }) => meta.n);
    const outs = (await first.frames("adds.out")).map(({ meta }) => meta.n);
    return outs.length >= ins.length && Bun.deepEquals(ins, outs) && ins;
  });
  expect(inputs).toContain(3);
  other.cluster.heal();
  await until("the other one has it all", async () => {
    return (await other.frames("adds.out")).length === inputs.length;
  });
  await until("it knows that it does not lead", () => other.epochs.at(-1) === null);
  expect(first.events).toEqual(["adds active", "adds active"]);
  expect(other.events).toEqual(["adds active"]);
});

test("a generator runs on one node at a time, and begins anew on the next one", async () => {
  await using nodes = new LedNodes(3);
  const script = 'i=0; trap "" TERM; while :; do i=$((i+1)); echo $i; sleep 0.02; done';
  await nodes.spawn("generator", "counts", script, { runtime: "sh" });
  for (let change = 0; change < 3; change++) {
    const leader = await nodes.leader();
    const { epoch } = leader.node;
    const so = (await leader.frames("counts.recv")).length;
    await until("more lines", async () => (await leader.frames("counts.recv")).length > so + 3);
    await leader.resign();
    await until("another epoch", () =>
      nodes.all.some(({ node }) => node.epoch !== undefined && node.epoch !== epoch),
    );
  }
  const leader = await nodes.leader();
  const frames = await leader.frames("counts.recv", "stream.cross.generator.active");
  // Between two `.active` there are the lines of one run, from the first on.
  let next = 1;
  for (const { topic, hash } of frames) {
    if (topic !== "counts.recv") {
      next = 1;
      continue;
    }
    const content = await leader.node.store.content.open(hash ?? "");
    expect((await content?.text())?.trim()).toBe(String(next++));
  }
  expect(frames.filter(({ topic }) => topic !== "counts.recv").length).toBeGreaterThan(1);
  expect(new Set(nodes.all.flatMap(({ events }) => events))).toEqual(new Set(["counts active"]));
});

test("a slot of a schedule runs once, and an append for later comes once, over changes of leader", async () => {
  await using nodes = new LedNodes(3);
  for (const { node } of nodes.all) node.store.startSchedules();
  await nodes.spawn("generator", "ticks", "date +%s%N", { runtime: "sh", every: "1s" });
  const { store } = nodes.at(1).node;
  const start = Date.now();
  for (let n = 0; n < 20; n++) {
    await store.append({
      topic: "due",
      meta: JSON.stringify({ n }),
      ttl: FOREVER,
      content: null,
      at: start + 1000 + n * 100,
    });
  }
  await until("all that is due", async () => {
    const leader = await nodes.leader();
    await Bun.sleep(300);
    await leader.resign();
    return (await nodes.at(0).frames("due")).length >= 20;
  });
  await until("some runs", async () => (await nodes.at(0).frames("ticks.recv")).length >= 3);
  expect((await nodes.at(0).frames("due")).map(({ meta }) => meta.n)).toEqual([
    ...Array(20).keys(),
  ]);
  const spawned = timestampOf(
    (await nodes.at(0).frames("stream.cross.generator.spawn"))[0]?.id ?? "",
  );
  // A run may be late. So there are never more runs than there were slots.
  for (const [n, { id }] of (await nodes.at(0).frames("ticks.recv")).entries()) {
    expect(Math.floor((timestampOf(id) - spawned) / 1000)).toBeGreaterThan(n);
  }
});

test("the node that leads applies rules and removes what has expired, also right after it begins to lead", async () => {
  await using nodes = new LedNodes(3);
  for (const { node } of nodes.all) node.store.upkeep.rules.start(async () => new Set());
  const one = nodes.at(0);
  await nodes.leader();
  await one.node.store.upkeep.rules.set({ pattern: "log", count: 3, age_ms: null });
  const ttl = parseTtl("time:100");
  let n = 0;
  for (let change = 0; change < 3; change++) {
    const { store } = nodes.at(change).node;
    for (let i = 0; i < 10; i++) {
      await nodes.at(i % 3).say("log", { n: n++ });
      await store.append({ topic: "soon.over", meta: "null", ttl, content: null });
    }
    await (await nodes.leader()).resign();
    const leader = await nodes.leader();
    // No read returns what has expired, so the rows are counted.
    await until("three are left", async () => {
      const left = (await leader.frames("log")).map(({ meta }) => meta.n);
      const rows = leader.node.store.metrics.frames;
      return Bun.deepEquals(left, [n - 3, n - 2, n - 1]) && rows === left.length;
    });
  }
});

test("every node says what runs and where, and a request to any of them ends it", async () => {
  await using nodes = new LedNodes(3);
  await nodes.spawn("handler", "adds", ADDS);
  const leader = await nodes.leader();
  for (const each of nodes.all) {
    const { rows, reason } = await each.led.status();
    expect(rows).toMatchObject([{ name: "adds", state: "active", node: leader.node.name }]);
    expect(reason).toBeNull();
  }
  const other = nodes.all.find((each) => each !== leader) ?? leader;
  await other.say("stream.cross.handler.terminate", { topic: "adds" });
  await until("it has ended", async () => {
    return (await other.frames("stream.cross.handler.terminated")).length === 1;
  });
  expect((await other.led.status()).rows).toEqual([]);
});

test("processors outlast a journal that does not answer for a while", async () => {
  await using nodes = new LedNodes(1);
  const only = nodes.at(0);
  await nodes.spawn("handler", "adds", ADDS);
  await nodes.spawn("generator", "counts", "while :; do echo; sleep 0.02; done", { runtime: "sh" });
  await only.say("n", { n: 1 });
  await until("an output", async () => (await only.frames("adds.out")).length === 1);
  only.cluster.cut();
  const refusal = only.say("n", { n: 2 }).catch((error) => error.code);
  expect(await refusal).toBe("journal_unreachable");
  const lines = (await only.frames("counts.recv")).length;
  only.cluster.heal();
  await until("more lines", async () => (await only.frames("counts.recv")).length > lines + 10);
  await until("it takes writes", async () => {
    return await only.say("n", { n: 3 }).then(
      () => true,
      () => false,
    );
  });
  await until("the handler goes on", async () => {
    const [ins, outs] = await Promise.all([only.frames("n"), only.frames("adds.out")]);
    return Bun.deepEquals(
      ins.map(({ meta }) => meta.n),
      outs.map(({ meta }) => meta.n),
    );
  });
  expect(only.events).toEqual(["adds active", "counts active"]);
});
