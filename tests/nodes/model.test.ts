// Random writes of every kind on three nodes, amid changes of the node that leads, cuts, lost acknowledgements, rivals and
// restarts. After each record every node has what a plain model has; see docs/reliability.md.
import { expect, setDefaultTimeout, test } from "bun:test";
import { Writer } from "../../src/store/sqlite/commit/writer.ts";
import { FrameTables } from "../../src/store/sqlite/log/frame-tables.ts";
import { Idempotency } from "../../src/store/sqlite/log/idempotency.ts";
import { report, seedFrom, setting } from "../support/random.ts";
import { runSeeds } from "./model/seeds.ts";

setDefaultTimeout(24 * 3_600_000);

const SEEDS = setting("XS_NODES_MODEL_SEEDS", 300);
const FIRST = seedFrom("XS_NODES_MODEL_SEED");
/** Seeds until a fault must have been found. */
const CONTROL_SEEDS = 400;

test("three nodes do what a plain model does, record by record", async () => {
  const { seeds, failures } = await runSeeds(FIRST, SEEDS);
  report(`XS_NODES_MODEL_SEEDS=${SEEDS} XS_NODES_MODEL_SEED=${FIRST}`, [
    `${seeds} seeds, ${failures.length} failed`,
  ]);
  expect(failures).toEqual([]);
});

/** Runs seeds with another method in place of one, and tells what was found. */
async function withFault<T extends object, K extends keyof T>(
  prototype: T,
  name: K,
  fault: (method: T[K]) => T[K],
): Promise<string> {
  const method = prototype[name];
  prototype[name] = fault(method);
  try {
    const { failures } = await runSeeds(FIRST, CONTROL_SEEDS);
    return failures.join("\n");
  } finally {
    prototype[name] = method;
  }
}

test("control: a frame that is not applied is found", async () => {
  let frames = 0;
  const found = await withFault(FrameTables.prototype, "insert", (insert) => {
    return function (this: FrameTables, frame) {
      if (++frames % 50 !== 0) insert.call(this, frame);
    };
  });
  expect(found).toContain("is not the model");
});

test("control: answers that are not looked up are found", async () => {
  const found = await withFault(
    Idempotency.prototype,
    "once",
    () => (_, __, ___, append) => append(),
  );
  expect(found).toContain("has two answers");
});

test("control: a step in an epoch that is over is found", async () => {
  const found = await withFault(Writer.prototype, "checkEpoch", () => () => {});
  expect(found).toContain("of the handler is number");
});
