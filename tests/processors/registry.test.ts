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
