// Records that are skipped, altered, swapped, cut or forged: on their way to a node, and in the stream itself.
import { expect, setDefaultTimeout } from "bun:test";
import { connect } from "@nats-io/transport-node";
import type { Frame } from "../../src/core/frame.ts";
import { encode } from "../../src/nodes/operations.ts";
import { openNats } from "../../src/store/journal/nats/open.ts";
import { encodeRecord } from "../../src/store/journal/record-codec.ts";
import { Home } from "../cli/run-xs.ts";
import { NatsServers } from "../support/nats.ts";
import { NatsProxy } from "../support/nats-proxy.ts";
import { natsTest } from "../support/nats-test.ts";
import { RealNodes } from "../support/real-nodes.ts";
import { parseLines, type Server } from "../support/server.ts";
import { LineReader, TEST_MS, until, within } from "../support/wait.ts";
import { tampering } from "./chaos/wire.ts";

setDefaultTimeout(TEST_MS);

const FRAMES = 120;
/** The record that something is done to. */
const PLACE = 60;

/** Flips a bit behind the head of a record, or of what frames it. */
function altered(payload: Buffer): Buffer {
  const at = Math.floor(payload.length / 2);
  payload.writeUInt8(payload.readUInt8(at) ^ 4, at);
  return payload;
}

/** A record as it should be, but for the key. */
function forged(prev: Uint8Array): Uint8Array {
  const id = "03zzzzzzzzzzzzzzzzzzzzzzz";
  const line = JSON.stringify({ topic: "forged", id, hash: null, meta: null, ttl: "forever" });
  const frame = {
    kind: "frame",
    id,
    topic: "forged",
    ms: Date.now(),
    line,
    expires: null,
  } as const;
  const head = { prev, nonce: new Uint8Array(16), epoch: 9, newest: id };
  return encodeRecord({ ...head, effects: [frame] }, new Uint8Array(32).fill(1));
}

interface Tampering {
  readonly name: string;
  readonly change: (payload: Buffer, before: Buffer) => Buffer | undefined;
  /** How often at most. */
  readonly times?: number;
  /** It is repaired: by another replica, or when it is asked for again. */
  readonly repaired?: true;
}

const ON_THE_WAY: readonly Tampering[] = [
  { name: "skipped once", change: () => undefined, times: 1, repaired: true },
  { name: "skipped three times", change: () => undefined, times: 3, repaired: true },
  { name: "altered", change: altered },
  { name: "cut", change: (payload) => payload.subarray(0, payload.length - 7) },
  { name: "empty", change: () => Buffer.alloc(0) },
  { name: "swapped for the one before", change: (_, before) => before },
  {
    name: "forged without the key",
    change: (payload) => Buffer.concat([payload.subarray(0, 1), forged(new Uint8Array(32))]),
  },
];

/** That a node has shown a part of the log from its start, and nothing else but that it starts and ends itself. */
function expectPrefix(all: readonly Frame[], log: readonly Frame[]): void {
  const frames = withoutOwn(all);
  expect(frames).toEqual(log.slice(0, frames.length));
}

natsTest(
  "a record that is tampered with on its way to a node is repaired, or stops it",
  async () => {
    await using nats = await NatsServers.start(1);
    await using nodes = await RealNodes.start({ journal: () => nats.url("notes"), count: 1 });
    const first = nodes.server(0);
    for (let n = 0; n < FRAMES; n++) await first.append("n", `content ${n}`);
    const log = withoutOwn(await first.frames());
    for (const [n, { name, change, times, repaired }] of ON_THE_WAY.entries()) {
      using proxy = new NatsProxy(nats.ports[0] ?? 0);
      const filter = tampering(PLACE, change, times);
      proxy.filter = filter;
      const url = nats.url("notes", [proxy.port]);
      await using server = nodes.launchMore(`t${n}`, url);
      if (repaired) await hasAll(name, server, log);
      else await stopsAt(PLACE, name, server, log);
      expect([name, filter.times() > 0]).toEqual([name, true]);
      // What it has is a true part, and it goes on where the way is clear.
      proxy.filter = (message) => message;
      await server.stop("SIGKILL");
      await using again = nodes.launchMore(`t${n}`, url);
      await hasAll(name, again, log);
    }
  },
);

function withoutOwn(frames: readonly Frame[]): readonly Frame[] {
  return frames.filter(({ topic }) => !topic.startsWith("stream.cross."));
}

/** Waits until a node shows all of a log, and that it never shows anything else. */
async function hasAll(name: string, server: Server, log: readonly Frame[]): Promise<void> {
  await until(`${name}: all frames`, async () => {
    const frames = await server.frames().catch(() => []);
    expectPrefix(frames, log);
    return withoutOwn(frames).length === log.length;
  });
}

/** Waits until a node ends because of a record, which it names; what it has then is a part of the log. */
async function stopsAt(
  place: number,
  name: string,
  server: Server,
  log: readonly Frame[],
): Promise<void> {
  using home = new Home();
  expect([name, await within(`${name}: the end`, server.exited)]).toEqual([name, 1]);
  const said = await server.stderr;
  expect([name, said]).toEqual([
    name,
    expect.stringMatching(new RegExp(`record (at )?${place}\\b`)),
  ]);
  expect(said).not.toContain("    at ");
  expectPrefix(parseLines(await home.ok(["cat", server.directory])), log);
}

const IN_THE_STREAM: readonly {
  readonly name: string;
  /** @param last the last record, with the byte that frames it */
  readonly message: (last: Uint8Array, chain: Uint8Array) => Uint8Array;
}[] = [
  { name: "nothing", message: () => new Uint8Array() },
  { name: "noise", message: () => crypto.getRandomValues(new Uint8Array(300)) },
  { name: "the last one again", message: (last) => last },
  { name: "an altered one", message: (last) => altered(Buffer.from(last)) },
  { name: "a cut one", message: (last) => last.subarray(0, last.length - 1) },
  {
    name: "one without the key",
    message: (last, chain) => Buffer.concat([last.subarray(0, 1), forged(chain)]),
  },
];

natsTest(
  "what was put into the stream without the key stops every node, which names it",
  async () => {
    await using nats = await NatsServers.start(1);
    for (const [n, { name, message }] of IN_THE_STREAM.entries()) {
      const journal = nats.url(`s${n}`);
      await using nodes = await RealNodes.start({ journal: () => journal, count: 2 });
      const frames: Frame[] = [];
      for (let m = 0; m < 5; m++)
        frames.push(await nodes.server(m % 2).append("n", `content ${m}`));
      const { applied, chain } = await nodes.atRest();
      const log = withoutOwn(await nodes.server(1).frames());
      const nc = await connect({ port: nats.ports[0] ?? 0 });
      const stored = await nc.request(
        `$JS.API.DIRECT.GET.XS_s${n}`,
        JSON.stringify({ seq: applied }),
      );
      const bytes = message(stored.data, Uint8Array.fromHex(chain));
      await nc.request(`xs.s${n}.c`, bytes);
      await nc.close();
      for (const i of nodes.all) await stopsAt(applied + 1, name, nodes.server(i), log);
      expect(log).toEqual(frames);
    }
  },
);

natsTest("what is asked or told without the key has no effect", async () => {
  await using nats = await NatsServers.start(1);
  await using nodes = await RealNodes.start({ journal: () => nats.url("notes"), count: 2 });
  const follower = new LineReader((await nodes.server(1).fetch("/?follow")).body);
  const before = await nodes.server(1).append("n", "content");
  const cluster = await openNats(nats.url("notes"));
  const append = { topic: "forged", meta: "null", ttl: { kind: "forever" }, content: null };
  const operation = { do: "apply", changes: [{ append }], condition: {} };
  for (const node of ["a", "b"]) {
    const asked = cluster.messages.ask(node, encode(operation), 2000);
    expect(await asked.catch(() => new Uint8Array())).toEqual(new Uint8Array());
  }
  const id = "03zzzzzzzzzzzzzzzzzzzzzzz";
  const line = JSON.stringify({ topic: "forged", id, hash: null, meta: null, ttl: "ephemeral" });
  const frames = [
    { kind: "frame", id, topic: "forged", ms: 0, line, expires: null, isEphemeral: true },
  ];
  const { chain } = await nodes.atRest();
  cluster.messages.tell(encode({ run: "x", hash: chain, isAfter: true, frames, contents: [] }));
  await cluster.close();
  const after = await nodes.server(0).append("n", "content");
  const lines = await follower.through((line) => line.includes(after.id));
  const topics = lines.map((line) => (JSON.parse(line) as Frame).topic);
  expect(topics.filter((topic) => !topic.startsWith("stream.cross."))).toEqual(["n", "n"]);
  for (const i of nodes.all) {
    expect((await nodes.server(i).frames("/?topic=n")).map(({ id: one }) => one)).toEqual([
      before.id,
      after.id,
    ]);
  }
});
