// SIGKILL between the answer of the journal and the commit, and amid applying; see docs/reliability.md.
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DATABASE } from "../../src/store/is-store.ts";
import { decodeRecord } from "../../src/store/journal/record-codec.ts";
import { DirectoryJournal } from "../support/directory-journal.ts";
import { MemoryNet } from "../support/memory-cluster.ts";
import { KEY, openReplica } from "../support/nodes.ts";
import { Random, report, seedFrom, setting } from "../support/random.ts";
import { problemsOf } from "../support/store.ts";
import { until } from "../support/wait.ts";
import { opIn } from "./model/history.ts";
import { PlainStore } from "./model/plain-store.ts";
import { Projection } from "./model/projection.ts";

setDefaultTimeout(24 * 3_600_000);

const KILLS = setting("XS_NODES_KILLS", 30);
const SEED = seedFrom("XS_NODES_KILLS_SEED");
const KILLS_A_STORE = 15;
const POINTS = ["answered", "applying", "written", "committed"] as const;
const PARENT = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** Kills a node of one store again and again. Returns how many writes it acknowledged. */
async function killNode(directory: string, random: Random, kills: number): Promise<number> {
  const [store, records] = [join(directory, "store"), join(directory, "records")];
  const acknowledged = new Set<number>();
  for (let kill = 0; kill < kills; kill++) {
    const point = random.pick(POINTS);
    const values = [
      store,
      records,
      point,
      1 + random.below(12),
      random.below(2 ** 31),
      kill * 10_000,
    ];
    const child = Bun.spawn(
      [process.execPath, join(import.meta.dir, "kills/child.ts"), ...values.map(String)],
      { stdout: "pipe", stderr: "pipe" },
    );
    const [out, errors] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    await child.exited;
    expect([errors, child.signalCode]).toEqual(["", "SIGKILL"]);
    for (const line of out.split("\n")) if (line !== "") acknowledged.add(Number(line));
    await check(store, records, acknowledged);
  }
  return acknowledged.size;
}

/** What was acknowledged is in the journal once; the tables are a prefix of it, whole records, and get the rest. */
async function check(store: string, records: string, acknowledged: ReadonlySet<number>) {
  const journal = new DirectoryJournal(records);
  const plain = new PlainStore();
  const dumps = new Map([[0, [] as string[]]]);
  const ops: number[] = [];
  const { last } = await journal.extent();
  for (let at = 1; at <= last; at++) {
    for (const effect of decodeRecord((await journal.get(at)) as Uint8Array, KEY).effects) {
      plain.apply(effect);
      if (effect.kind === "frame") ops.push(opIn(effect.line) ?? -1);
    }
    dumps.set(at, plain.dump());
  }
  expect(new Set(ops).size).toBe(ops.length);
  for (const op of acknowledged) expect(ops).toContain(op);
  const projection = new Projection(join(store, DATABASE));
  const before = projection.dump();
  projection.close();
  if (before.applied > 0) expect(before.lines).toEqual(dumps.get(before.applied) as string[]);
  const cluster = new MemoryNet({ seed: 1 }).cluster();
  const { messages, blobs } = cluster;
  const close = () => journal.close();
  const node = openReplica(store, { journal, messages, blobs, close }, { node: "a" });
  await until("it has all", () => node.replica.state.applied === last);
  expect(await problemsOf(node.store)).toEqual([]);
  await node.close();
  const opened = new Projection(join(store, DATABASE));
  expect(opened.dump().lines).toEqual(plain.dump());
  opened.close();
}

test("a node that is killed anywhere between the journal and its tables loses and doubles nothing", async () => {
  const random = new Random(SEED);
  let [kills, writes] = [0, 0];
  while (kills < KILLS) {
    const directory = mkdtempSync(join(PARENT, "xs-kills-"));
    const count = Math.min(KILLS_A_STORE, KILLS - kills);
    try {
      writes += await killNode(directory, random, count);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
    kills += count;
  }
  report(`XS_NODES_KILLS=${KILLS} XS_NODES_KILLS_SEED=${SEED}`, [
    `${kills} kills, ${writes} writes acknowledged`,
  ]);
});
