import { describe, expect, test } from "bun:test";
import type { Frame } from "../../src/core/frame.ts";
import {
  type Entry,
  isDuplex,
  Registry,
  requestIn,
} from "../../src/processors/lifecycle/registry.ts";

let count = 0;

/** A frame of the runtime; "handler.active 1" tells of the spawn with the id "1". */
function frame(text: string, id = `id ${++count}`, more = {}): Frame {
  const [topic = "", spawn_id] = text.split(" ");
  const meta = { topic: "name", ...(spawn_id && { spawn_id }), ...more };
  return { topic: `stream.cross.${topic}`, id, hash: null, meta, ttl: "forever" };
}

/** What is left to do after these; each step is its own id, from 1 up. */
function after(...steps: string[]): Omit<Entry, "kind" | "name"> | undefined {
  const registry = new Registry();
  for (const [n, step] of steps.entries()) registry.apply(frame(`generator.${step}`, `${n + 1}`));
  const [entry] = registry.entries();
  if (!entry) return undefined;
  const { kind: _, name: __, ...rest } = entry;
  return JSON.parse(JSON.stringify(rest));
}

describe("after a restart", () => {
  test.each([
    ["nothing was spawned", [], undefined],
    ["a spawn was never taken up", ["spawn"], { pending: "1" }],
    ["it was active", ["spawn", "active 1"], { good: "1" }],
    ["it was between two runs", ["spawn", "active 1", "restarting 1"], { good: "1" }],
    ["the server stopped", ["spawn", "active 1", "stopped 1"], { good: "1" }],
    ["it ran again", ["spawn", "active 1", "stopped 1", "active 1"], { good: "1" }],
    ["it was never valid", ["spawn", "invalid 1"], undefined],
    ["it finished", ["spawn", "active 1", "finished 1"], undefined],
    ["it failed", ["spawn", "active 1", "failed 1"], undefined],
    ["it failed before it was active", ["spawn", "failed 1"], undefined],
    ["it did not load after a restart", ["spawn", "active 1", "invalid 1"], undefined],
    [
      "it was terminated, and answered",
      ["spawn", "active 1", "terminate", "terminated 1"],
      undefined,
    ],
    [
      "it was terminated without an answer",
      ["spawn", "active 1", "terminate"],
      { terminating: { id: "3", spawns: ["1"] } },
    ],
    [
      "it was terminated before it was active",
      ["spawn", "terminate"],
      { terminating: { id: "2", spawns: ["1"] } },
    ],
    ["something was terminated that is not there", ["terminate"], undefined],
    ["it was terminated when it had finished", ["spawn", "finished 1", "terminate"], undefined],
    ["it was spawned twice at once", ["spawn", "spawn"], { pending: "2" }],
    [
      "another, of an import, came between a spawn and its answer",
      ["spawn", "spawn", "active 1"],
      { pending: "2", good: "1" },
    ],
    ["that one did not load", ["spawn", "spawn", "invalid 2", "active 1"], { good: "1" }],
    [
      "that one was replaced before it was active",
      ["spawn", "spawn", "replaced 1", "active 2", "active 1"],
      { good: "2" },
    ],
    ["a replacement was never active", ["spawn", "active 1", "spawn"], { pending: "3", good: "1" }],
    ["a replacement did not load", ["spawn", "active 1", "spawn", "invalid 3"], { good: "1" }],
    [
      "a replacement is active",
      ["spawn", "active 1", "spawn", "active 3", "replaced 1"],
      { good: "3" },
    ],
    [
      "a replacement is active, but the killed server did not say of what",
      ["spawn", "active 1", "spawn", "active 3"],
      { good: "3" },
    ],
    [
      "a late end of the replaced one came after",
      ["spawn", "active 1", "spawn", "active 3", "failed 1", "terminated 1"],
      { good: "3" },
    ],
    [
      "the replaced one failed while the replacement was not active yet",
      ["spawn", "active 1", "spawn", "failed 1"],
      { pending: "3" },
    ],
    [
      "both were terminated",
      ["spawn", "active 1", "spawn", "terminate"],
      { terminating: { id: "4", spawns: ["1", "3"] } },
    ],
    [
      "it was spawned again after a terminate without an answer",
      ["spawn", "active 1", "terminate", "spawn"],
      { pending: "4", terminating: { id: "3", spawns: ["1"] } },
    ],
    [
      "the answer to a terminate came after the next spawn",
      ["spawn", "active 1", "terminate", "spawn", "terminated 1", "active 4"],
      { good: "4" },
    ],
    ["an answer is of a spawn that is not there", ["active 9", "failed 9"], undefined],
  ])("where %s", (_, steps, wanted) => {
    expect(after(...steps)).toEqual(wanted as ReturnType<typeof after>);
  });
});

test("generators and handlers of the same name, and other names, are apart", () => {
  const registry = new Registry();
  registry.apply(frame("generator.spawn", "1"));
  registry.apply(frame("handler.spawn", "2"));
  registry.apply(frame("duplex.spawn", "3", { topic: "other" }));
  registry.apply(frame("handler.terminate", "4"));
  registry.apply(frame("handler.terminated 2", "5"));
  expect(registry.entries()).toMatchObject([
    { kind: "generator", name: "name", pending: "1" },
    { kind: "generator", name: "other", pending: "3" },
  ]);
  expect(registry.get("handler", "name")).toBeUndefined();
});

test("a request tells what is asked for; what does not say its name is none", () => {
  const asked = (text: string, more = {}) => requestIn(frame(text, "1", more));
  expect(asked("generator.spawn")).toEqual({
    kind: "generator",
    name: "name",
    action: "spawn",
  });
  expect(asked("duplex.spawn")).toMatchObject({ kind: "generator" });
  expect(isDuplex(frame("generator.spawn"))).toBe(false);
  expect(isDuplex(frame("generator.spawn", "1", { duplex: true }))).toBe(true);
  expect(isDuplex(frame("duplex.spawn"))).toBe(true);
  expect(asked("handler.terminate")).toMatchObject({ kind: "handler", action: "terminate" });
  for (const none of [
    asked("handler.active"),
    asked("start"),
    asked("generator.spawn", { topic: 1 }),
    requestIn({ ...frame("generator.spawn"), meta: null }),
    requestIn({ ...frame("generator.spawn"), topic: "note" }),
  ]) {
    expect(none).toBeUndefined();
  }
});

test("a spawn that names nothing is to be answered until it is", () => {
  const registry = new Registry();
  const spawn = frame("generator.spawn", "1", { topic: 7 });
  registry.apply(spawn);
  registry.apply(frame("handler.invalid 2", "3", { topic: null }));
  expect([registry.unnamed(), registry.entries()]).toEqual([[spawn], []]);
  registry.apply(frame("generator.invalid 1", "4", { topic: null }));
  expect(registry.unnamed()).toEqual([]);
});

/** What has ended, after these; each step is its own id, from 1 up. */
function endedAfter(...steps: (string | [string, object])[]): object[] {
  const registry = new Registry();
  for (const [n, step] of steps.entries()) {
    const [text, more] = typeof step === "string" ? [step, {}] : step;
    registry.apply(frame(`handler.${text}`, `${n + 1}`, more));
  }
  return registry.ended().map(({ kind: _, name: __, ...rest }) => rest);
}

const KEEP: [string, object] = ["terminate", { keep: true }];

describe("it has ended", () => {
  test.each<[string, (string | [string, object])[], object[]]>([
    ["it runs", ["spawn", "active 1"], []],
    ["it was never taken up", ["spawn"], []],
    [
      "it is invalid",
      ["spawn", ["invalid 1", { reason: "no" }]],
      [{ spawn: "1", how: "invalid", id: "2", reason: "no" }],
    ],
    [
      "it failed",
      ["spawn", "active 1", ["failed 1", { reason: "no", exit: 3 }]],
      [{ spawn: "1", how: "failed", id: "3", reason: "no", exit: 3 }],
    ],
    [
      "it finished",
      ["spawn", "active 1", ["finished 1", { exit: 0 }]],
      [{ spawn: "1", how: "finished", id: "3", exit: 0 }],
    ],
    ["it was stopped", ["spawn", "active 1", KEEP], [{ spawn: "1", how: "stopped", id: "3" }]],
    [
      "it was stopped and answered",
      ["spawn", "active 1", KEEP, "stopped 1"],
      [{ spawn: "1", how: "stopped", id: "3" }],
    ],
    ["the server stopped", ["spawn", "active 1", "stopped 1"], []],
    ["it was removed", ["spawn", "active 1", "terminate", "terminated 1"], []],
    ["it was stopped, then removed", ["spawn", "active 1", KEEP, "stopped 1", "terminate"], []],
    ["it failed, then was removed", ["spawn", "active 1", "failed 1", "terminate"], []],
    [
      "it failed, then was stopped",
      ["spawn", "active 1", "failed 1", KEEP],
      [{ spawn: "1", how: "failed", id: "3" }],
    ],
    [
      "it failed while it stopped",
      ["spawn", "active 1", KEEP, "failed 1"],
      [{ spawn: "1", how: "failed", id: "4" }],
    ],
    ["it goes on", ["spawn", "active 1", KEEP, "stopped 1", "spawn", "active 5"], []],
    [
      "it is to go on, and did not load",
      ["spawn", "active 1", KEEP, "stopped 1", "spawn", "invalid 5"],
      [{ spawn: "5", how: "invalid", id: "6" }],
    ],
    [
      "a replacement is invalid, and the one before it runs again",
      ["spawn", "active 1", "spawn", "invalid 3", "stopped 1", "active 1"],
      [{ spawn: "3", how: "invalid", id: "4" }],
    ],
    ["it ended late", ["spawn", "active 1", "spawn", "active 3", "failed 1"], []],
  ])("%s", (_, steps, wanted) => {
    expect(endedAfter(...steps)).toEqual(wanted);
  });
});

test("a stop without an answer is one; a server that stops answers it too", () => {
  const registry = new Registry();
  registry.apply(frame("handler.spawn", "1"));
  registry.apply(frame("handler.active 1", "2"));
  registry.apply(frame("handler.terminate", "3", { keep: true }));
  expect(registry.entries()).toMatchObject([
    { terminating: { id: "3", spawns: ["1"], keep: true } },
  ]);
  registry.apply(frame("handler.stopped 1", "4"));
  expect(registry.entries()).toEqual([]);
  registry.apply(frame("handler.terminate", "4a"));
  expect(registry.entries()).toMatchObject([{ terminating: { id: "4a", spawns: ["1"] } }]);
  registry.apply(frame("handler.terminated 1", "4b"));
  expect(registry.entries()).toEqual([]);
  registry.apply(frame("handler.spawn", "5"));
  registry.apply(frame("handler.active 5", "6"));
  registry.apply(frame("handler.terminate", "7"));
  registry.apply(frame("handler.stopped 5", "8"));
  expect(registry.entries()).toMatchObject([{ terminating: { id: "7" } }]);
});
