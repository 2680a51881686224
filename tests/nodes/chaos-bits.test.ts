// A bit flips in the files of one of three NATS servers: of each kind that it has.
import { expect, setDefaultTimeout } from "bun:test";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "@nats-io/transport-node";
import type { Frame } from "../../src/core/frame.ts";
import { NatsServers } from "../support/nats.ts";
import { natsTest } from "../support/nats-test.ts";
import { Random, report, seedFrom, setting } from "../support/random.ts";
import { RealNodes } from "../support/real-nodes.ts";
import { type Server, XS } from "../support/server.ts";
import { TEST_MS, until } from "../support/wait.ts";

/** Flips in all; those of a run go through the kinds of files. */
const FLIPS = setting("XS_CHAOS_FLIPS", 2);
const SEED = seedFrom("XS_CHAOS_SEED");
const STREAM = "XS_notes";

setDefaultTimeout(TEST_MS * (1 + Math.ceil(FLIPS / 2)));

/** The kinds of files of a server, by what of their path is always the same. */
function kindOf(path: string): string {
  const name = path.split("/").at(-1) ?? "";
  const where = /streams\/(\w+)\//.exec(path)?.[1] ?? (path.includes("_js_") ? "raft" : "server");
  return `${where} ${name.replace(/^[0-9.]+\./, "")}`;
}

natsTest(
  "a bit that flips in the files of one server puts nothing wrong into an answer",
  async () => {
    report(`XS_CHAOS_FLIPS=${FLIPS} XS_CHAOS_SEED=${SEED}`, []);
    const random = new Random(SEED);
    await using nats = await NatsServers.start(3);
    await using nodes = await RealNodes.start({ journal: () => nats.url("notes"), count: 2 });
    const written = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n++) {
        const body = random.chance(0.05)
          ? "large ".repeat(20_000)
          : `content ${n} `.repeat(1 + (n % 30));
        await until("a write", async () => {
          const { ok } = await nodes.server(n % 2).fetch("/stream/n", { method: "POST", body });
          return ok;
        });
      }
    };
    await written(150);
    const counts: Record<string, number> = {};
    let last = "";
    for (let flip = 0; flip < FLIPS; flip++) {
      const at = random.below(3);
      await nats.kill(at, "SIGKILL");
      const kind = flipOne(nats.folder(at), random, last);
      last = kind;
      const outcome = await startAgain(nats, at);
      await written(10);
      await led(nats, at);
      const log = await until("both have the same", async () => {
        await nodes.atRest();
        const [one, other] = await Promise.all(nodes.all.map((i) => nodes.server(i).frames()));
        return Bun.deepEquals(one, other) && one;
      });
      const joined = nodes.launchMore(`f${flip}`, nats.url("notes"));
      const end = await hasAllOrStops(joined, log, nodes);
      await joined.stop("SIGKILL");
      rmSync(joined.directory, { recursive: true });
      const what = `${kind}: ${outcome}, ${end}`;
      counts[what] = (counts[what] ?? 0) + 1;
      report(what, []);
    }
    report(`${FLIPS} flips`, [
      ...Object.entries(counts).map(([what, count]) => `${what}: ${count}`),
      "wrong, missing: 0",
    ]);
  },
);

/** Flips a bit of a file of some kind, another one than the last; the first of the records. Returns the kind. */
function flipOne(folder: string, random: Random, last: string): string {
  const root = join(folder, "jetstream");
  const paths = readdirSync(root, { recursive: true, encoding: "utf8" })
    .map((name) => join(root, name))
    .filter((path) => statSync(path).isFile() && statSync(path).size > 0);
  const byKind = Map.groupBy(paths, kindOf);
  const kinds = [...byKind.keys()].filter((one) => one !== last).sort();
  const kind = last === "" ? `${STREAM} blk` : random.pick(kinds);
  const path = random.pick(byKind.get(kind) ?? []);
  const bytes = readFileSync(path);
  const at = random.below(bytes.length);
  bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << random.below(8)), at);
  writeFileSync(path, bytes);
  return kind;
}

/** Starts the server; where it cannot go on with what it has, as who runs it does: without. */
async function startAgain(nats: NatsServers, at: number): Promise<string> {
  try {
    await nats.start(at);
    return "the server went on";
  } catch {
    await nats.kill(at, "SIGKILL");
    rmSync(join(nats.folder(at), "jetstream"), { recursive: true });
    await nats.start(at);
    return "the server needed an empty folder";
  }
}

/** Lets the server lead the stream, if it will: then it is the one that serves who follows. */
async function led(nats: NatsServers, at: number): Promise<void> {
  const nc = await connect({ port: nats.ports[(at + 1) % 3] ?? 0 });
  const wish = JSON.stringify({ placement: { preferred: `n${at + 1}` } });
  for (let tries = 0; tries < 5 && (await nats.leaderOf(STREAM)) !== at; tries++) {
    await nc.request(`$JS.API.STREAM.LEADER.STEPDOWN.${STREAM}`, wish).catch(() => {});
    await Bun.sleep(500);
  }
  await nc.close();
}

const isOwn = ({ topic }: Frame): boolean => topic.startsWith("stream.cross.");

/** What becomes of a node that begins with nothing: it gets all, with its content, or names the record that it cannot have. */
async function hasAllOrStops(
  server: Server,
  all: readonly Frame[],
  nodes: RealNodes,
): Promise<string> {
  const log = all.filter((frame) => !isOwn(frame));
  let ended = false;
  void server.exited.then(() => {
    ended = true;
  });
  await until("it has all, or ends", async () => {
    const frames = (await server.frames().catch(() => [])).filter((frame) => !isOwn(frame));
    expect(frames).toEqual(log.slice(0, frames.length));
    return ended || frames.length === log.length;
  });
  if (ended) {
    expect(await server.stderr).toMatch(/record (at )?\d+/);
    return "a node stopped, and named the record";
  }
  for (const { id } of log.filter((_, n) => n % 20 === 0)) {
    const [one, other] = await Promise.all(
      [server, nodes.server(0)].map(async (each) => {
        const response = await each.fetch(`/${id}/content`);
        return [response.status, await response.text()];
      }),
    );
    expect(one).toEqual(other);
  }
  const verify = Bun.spawn([XS, "verify", server.directory], { stdout: "pipe", stderr: "pipe" });
  const said = await new Response(verify.stdout).text();
  expect([said, await verify.exited]).toEqual(["", 0]);
  return "a new node got all";
}
