// Records what a server asks of the disk, and lets the power fail at many moments of that: what was
// not synced is lost, or left in part. Whatever a client had been told by then must be there.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Frame } from "../../src/core/frame.ts";
import type { Store } from "../../src/store/store.ts";
import { askFor, Gone } from "../support/ask.ts";
import { Random, report, seedFrom, setting } from "../support/random.ts";
import { parseLines, type Server, startServer } from "../support/server.ts";
import { append, problemsOf, readAll, sqliteEngine } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { missingStrace } from "../support/tools.ts";
import { LineReader, TEST_MS, until, within } from "../support/wait.ts";
import { Disk, type Mercy } from "./disk.ts";
import { readTrace, type SystemCall, textsIn, tracer } from "./trace.ts";

const CUTS = setting("XS_POWER_CUTS", 60);
/** Recordings that the cuts are spread over. */
const RECORDINGS = Math.max(1, Math.ceil(CUTS / 500));
const SEED = seedFrom("XS_POWER_SEED");
const WRITERS = 12;
const WRITES = 12;
const MERCIES: readonly Mercy[] = ["none", "some", "torn", "all"];

setDefaultTimeout(TEST_MS * Math.ceil(CUTS / 50));

/** The time as strace shows it. */
const now = () => performance.timeOrigin + performance.now();

/** A value that a pair was to get, and its revision once that was told. */
interface Put {
  readonly asked: number;
  readonly value: string | null;
  rev?: string;
  /** When a removal was acknowledged: it may have no revision. */
  removed?: number;
}

/** What clients asked for, and when; when they were told is in the trace. */
class Record {
  readonly frames = new Map<string, { frame: Frame; content: string | null }>();
  readonly removals = new Map<string, { asked: number; done: number }>();
  readonly batches = new Map<number, number>();
  readonly pairs = new Map<string, Put[]>();
  #next = 0;

  async write(server: Server, random: Random, writer: number): Promise<void> {
    const kind = random.next();
    if (kind < 0.2) return await this.#pair(server, `pairs/${writer}`, random);
    if (kind < 0.3) return await this.#batch(server, random);
    const n = this.#next++;
    const content = contentOf(n);
    const { text } = await askFor(server, "/stream/power", {
      method: "POST",
      body: content,
      headers: { "xs-meta": String(n) },
    });
    const frame = JSON.parse(text) as Frame;
    this.frames.set(frame.id, { frame, content });
    if (kind < 0.85) return;
    const removal = { asked: now(), done: Infinity };
    this.removals.set(frame.id, removal);
    await askFor(server, `/${frame.id}`, { method: "DELETE" });
    removal.done = now();
  }

  async #pair(server: Server, key: string, random: Random): Promise<void> {
    const puts = this.pairs.get(key) ?? [];
    this.pairs.set(key, puts);
    const value = random.chance(0.2)
      ? null
      : `value ${this.#next++} `.repeat(random.below(400) + 1);
    const put: Put = { asked: now(), value };
    puts.push(put);
    const init = value === null ? { method: "DELETE" } : { method: "PUT", body: value };
    const { rev } = await askFor(server, `/kv/${key}`, init);
    if (rev !== undefined) put.rev = rev;
    if (value === null) put.removed = now();
  }

  async #batch(server: Server, random: Random): Promise<void> {
    const batch = this.#next++;
    const size = 2 + random.below(8);
    this.batches.set(batch, size);
    const content = `batch ${batch}`;
    const line = JSON.stringify({ topic: "batches", meta: { batch }, content });
    const body = `${line}\n`.repeat(size);
    const { text } = await askFor(server, "/stream", { method: "POST", body });
    for (const frame of parseLines(text)) this.frames.set(frame.id, { frame, content });
  }
}

function contentOf(n: number): string {
  if (n % 12 === 0) return `large ${n} `.repeat(9000);
  if (n % 3 === 0) return `staged ${n} `.repeat(4000);
  return n % 5 === 0 ? `shared ${n % 4}` : `small ${n}`;
}

/** Some servers on one store, one after the other, traced. */
async function recordServers(parent: string, trace: string, random: Random) {
  const record = new Record();
  const disk = new Disk(parent);
  const told = new Map<string, number>();
  const calls: SystemCall[] = [];
  for (const [n, end] of (["SIGTERM", "SIGKILL", "SIGTERM"] as const).entries()) {
    await using server = await startServer(join(parent, "store"), { under: tracer(trace) });
    const follower = new LineReader((await server.fetch("/?follow&tail")).body);
    const followed = follower.rest().catch(() => {});
    // Alone at first, where each write has a sync of its own.
    for (let i = 0; i < 8; i++) await record.write(server, random, 0);
    const writers = Array.from({ length: WRITERS }, async (_, writer) => {
      const own = random.fork();
      for (let i = 0; i < WRITES; i++) await record.write(server, own, writer);
    });
    const ends = Promise.allSettled(writers);
    if (end === "SIGTERM") {
      await ends;
      // From the table into files, by the thread in the one and by the stop in the other.
      if (n === 0) await until("everything has settled", () => isSettled(server));
    }
    await server.stop(end);
    for (const outcome of await ends) {
      if (outcome.status === "rejected" && !(outcome.reason instanceof Gone)) throw outcome.reason;
    }
    await within("the end of the follower", followed);
    const taken = await readTrace(trace, server.pid);
    disk.record(taken);
    calls.push(...taken);
    rmSync(trace);
  }
  for (const { name, args, start } of calls) {
    if (name !== "sendto" && name !== "sendmsg") continue;
    for (const text of textsIn(args)) {
      for (const [id] of text.toString("latin1").matchAll(/\b[0-9a-z]{25}\b/g)) {
        if (!told.has(id)) told.set(id, start);
      }
    }
  }
  return { record, disk, told, calls };
}

async function isSettled(server: Server): Promise<boolean> {
  const text = await (await server.fetch("/metrics")).text();
  return /^xs_\w*staged_contents 0$/m.test(text);
}

type Recorded = Awaited<ReturnType<typeof recordServers>>;

/** Compares what a power cut has left with all that had been told before it. */
async function check(store: Store, { record, told }: Recorded, moment: number): Promise<number> {
  const log = await readAll(store);
  const found = new Map(log.map((frame) => [frame.id, frame]));
  let checked = 0;
  for (const [id, { frame, content }] of record.frames) {
    const removal = record.removals.get(id);
    if (removal && removal.done < moment) {
      expect(`removed: ${found.get(id)?.id}`).toBe("removed: undefined");
    } else if ((told.get(id) ?? Infinity) < moment && !(removal && removal.asked < moment)) {
      expect(found.get(id)).toEqual(frame);
      const kept = await (await store.content.open(frame.hash ?? ""))?.text();
      expect([id, kept === content]).toEqual([id, true]);
      checked++;
    }
  }
  const batches = Map.groupBy(
    log.filter(({ topic }) => topic === "batches"),
    ({ meta }) => (meta as { batch: number }).batch,
  );
  for (const [batch, frames] of batches) expect(frames.length).toBe(record.batches.get(batch) ?? 0);
  for (const [key, puts] of record.pairs) {
    const last = puts.findLastIndex(
      ({ rev, removed }) =>
        (rev && (told.get(rev) ?? Infinity) < moment) || (removed ?? Infinity) < moment,
    );
    const possible = puts.slice(Math.max(0, last)).filter(({ asked }) => asked < moment);
    const values = possible.map(({ value }) => value);
    if (last < 0) values.push(null);
    const pair = await store.kv.get(key);
    expect(values).toContain(pair ? Buffer.from(pair.value).toString() : null);
    checked++;
  }
  expect(await problemsOf(store)).toEqual([]);
  const { id } = await append(store, "marks");
  for (const [earlier, time] of told) if (time < moment) expect(id > earlier).toBe(true);
  return checked;
}

const missing = missingStrace();

describe.skipIf(missing !== undefined)(`a power cut${missing ? ` (${missing})` : ""}`, () => {
  test("at any moment loses nothing that was told, and leaves the store sound", async () => {
    const command = `XS_POWER_CUTS=${CUTS} XS_POWER_SEED=${SEED}`;
    report(command, []);
    const random = new Random(SEED);
    const counts = { writes: 0, names: 0, syncs: 0, "effects checked": 0, "no store yet": 0 };
    for (let recording = 0; recording < RECORDINGS; recording++) {
      using home = tempDirectory();
      const parent = join(home.path, "disk");
      mkdirSync(parent);
      // What is left of it is looked at in memory, where a sync takes no time.
      using memory = tempDirectory(existsSync("/dev/shm") ? "/dev/shm" : undefined);
      const left = join(memory.path, "left");
      const recorded = await recordServers(parent, join(home.path, "trace"), random.fork());
      counts.writes += recorded.disk.counts.writes;
      counts.names += recorded.disk.counts.names;
      counts.syncs += recorded.disk.counts.syncs;
      for (let cut = 0; cut < CUTS / RECORDINGS; cut++) {
        const call = random.pick(recorded.calls);
        // Before it, in it, or right after it.
        const moment = random.pick([call.start, (call.start + call.end) / 2, call.end]);
        if (moment === Infinity) continue;
        const mercy = random.pick(MERCIES);
        recorded.disk.restore(left, moment, mercy, random.fork());
        const path = join(left, "store");
        if (!existsSync(join(path, "events.db"))) counts["no store yet"]++;
        try {
          const store = sqliteEngine(path);
          try {
            counts["effects checked"] += await check(store, recorded, moment);
          } finally {
            await store.close();
          }
        } catch (error) {
          process.stderr.write(`at ${call.name}, cut ${cut} of ${recording}, mercy: ${mercy}\n`);
          throw error;
        }
        rmSync(left, { recursive: true });
      }
    }
    report(`${CUTS} power cuts`, [
      Object.entries(counts)
        .map(([name, count]) => `${name}: ${count}`)
        .join(", "),
      "lost: 0, unsound: 0",
    ]);
  });

  test("takes what a program forgets to sync", async () => {
    using home = tempDirectory();
    const [root, trace] = [join(home.path, "disk"), join(home.path, "trace")];
    mkdirSync(root);
    const script = `
      const fs = require("node:fs");
      const sync = (path) => fs.fsyncSync(fs.openSync(path, "r"));
      process.chdir(${JSON.stringify(root)});
      const d = process.cwd() + "/d";
      fs.mkdirSync(d);
      fs.writeFileSync(d + "/f", "one");
      sync(d + "/f");
      fs.renameSync(d + "/f", d + "/g");
      fs.appendFileSync(d + "/g", "two");
      sync(process.cwd());
      sync(d);`;
    const child = Bun.spawn([...tracer(trace), process.execPath, "-e", script]);
    await child.exited;
    const calls = await readTrace(trace, child.pid);
    const disk = new Disk(root);
    disk.record(calls);
    const left = async (moment: number, mercy: Mercy, name: string) => {
      const target = join(home.path, "left");
      disk.restore(target, moment, mercy, new Random(1));
      const file = Bun.file(join(target, name));
      const text = (await file.exists()) ? await file.text() : null;
      rmSync(target, { recursive: true });
      return text;
    };
    const renamed = calls.find(({ name }) => name.startsWith("rename"))?.start ?? 0;
    expect(await left(renamed, "all", "d/f")).toBe("one");
    expect(await left(renamed, "none", "d/f")).toBeNull();
    expect(await left(Number.MAX_VALUE, "all", "d/g")).toBe("onetwo");
    expect(await left(Number.MAX_VALUE, "none", "d/g")).toBe("one");
    expect(await left(Number.MAX_VALUE, "none", "d/f")).toBeNull();
  });
});
