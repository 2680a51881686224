import { expect, setDefaultTimeout } from "bun:test";
import { connect } from "@nats-io/transport-node";
import { Fenced, type Journal } from "../../src/store/journal/journal.ts";
import { openNats } from "../../src/store/journal/nats/open.ts";
import { NatsServers } from "../support/nats.ts";
import { NatsProxy } from "../support/nats-proxy.ts";
import { natsTest } from "../support/nats-test.ts";
import { TEST_MS, until, within } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (record: Uint8Array | undefined): string | undefined =>
  record && new TextDecoder().decode(record);

/** Bytes that no two records share. */
function big(size: number, seed: number): Uint8Array {
  const record = new Uint8Array(size);
  for (let i = 0; i < size; i++) record[i] = (i * 31 + seed * 7 + (i >> 8)) & 255;
  return record;
}

/** The first `count` records behind a position, as text. */
async function collect(
  journal: Journal,
  after: number,
  count: number,
): Promise<[number, string][]> {
  const found: [number, string][] = [];
  const done = Promise.withResolvers<void>();
  const following = journal.follow(after, (position, record) => {
    found.push([position, text(record) ?? ""]);
    if (found.length === count) done.resolve();
  });
  await within(`${count} records`, Promise.race([done.promise, following.ended]));
  following.stop();
  await following.ended;
  return found;
}

natsTest("records are appended, read, followed and removed", async () => {
  await using servers = await NatsServers.start(1);
  const { journal, close } = await openNats(servers.url("notes"));
  expect(await journal.extent()).toEqual({ first: 1, last: 0 });
  expect(await journal.append(0, bytes("a"))).toBe(1);
  expect(await journal.append(1, bytes("b"))).toBe(2);
  expect(await journal.extent()).toEqual({ first: 1, last: 2 });
  expect(text(await journal.get(2))).toBe("b");
  expect(await journal.get(3)).toBeUndefined();
  expect(await journal.get(0)).toBeUndefined();
  expect(await collect(journal, 0, 2)).toEqual([
    [1, "a"],
    [2, "b"],
  ]);
  // What comes while it follows.
  const coming = collect(journal, 1, 3);
  expect(await journal.append(2, bytes("c"))).toBe(3);
  expect(await journal.append(3, bytes("d"))).toBe(4);
  expect(await coming).toEqual([
    [2, "b"],
    [3, "c"],
    [4, "d"],
  ]);
  await journal.trim(2);
  expect(await journal.extent()).toEqual({ first: 3, last: 4 });
  expect(await journal.get(2)).toBeUndefined();
  await expect(journal.follow(1, () => {}).ended).rejects.toMatchObject({
    code: "journal_trimmed",
  });
  expect(await collect(journal, 2, 2)).toEqual([
    [3, "c"],
    [4, "d"],
  ]);
  await journal.trim(4);
  expect(await journal.extent()).toEqual({ first: 5, last: 4 });
  expect(await journal.append(4, bytes("e"))).toBe(5);
  await close();
});

natsTest("a place is taken once, and the same bytes there are no conflict", async () => {
  await using servers = await NatsServers.start(1);
  const a = await openNats(servers.url("notes"));
  const b = await openNats(servers.url("notes"));
  expect(await a.journal.append(0, bytes("a"))).toBe(1);
  await expect(b.journal.append(0, bytes("b"))).rejects.toBeInstanceOf(Fenced);
  expect(await b.journal.append(0, bytes("a"))).toBe(1);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 8 }, (_, i) => (i % 2 ? a : b).journal.append(1, bytes(`w${i}`))),
  );
  const won = outcomes.filter(({ status }) => status === "fulfilled");
  expect(won).toHaveLength(1);
  for (const outcome of outcomes) {
    if (outcome.status === "rejected") expect(outcome.reason).toBeInstanceOf(Fenced);
  }
  expect(await a.journal.extent()).toEqual({ first: 1, last: 2 });
  await a.close();
  await b.close();
});

natsTest("records above the size of a message", async () => {
  await using servers = await NatsServers.start(3);
  const { journal, close } = await openNats(servers.url("notes"));
  const { maxRecord } = journal;
  let last = 0;
  const sizes = [0, 1, maxRecord, maxRecord + 1, 2 * maxRecord, 7 * maxRecord + 5, 3];
  const placed: [number, number][] = [];
  for (const [i, size] of sizes.entries()) {
    last = await journal.append(last, big(size, i));
    placed.push([last, size]);
  }
  expect(last).toBe(1 + 1 + 1 + 2 + 2 + 8 + 1);
  for (const [i, [position, size]] of placed.entries()) {
    expect(Buffer.from((await journal.get(position)) ?? "").equals(big(size, i))).toBe(true);
  }
  // Again, each in its place.
  let before = 0;
  for (const [i, [position, size]] of placed.entries()) {
    expect(await journal.append(before, big(size, i))).toBe(position);
    if (i > 0) {
      await expect(journal.append(before, big(size, i + 100))).rejects.toBeInstanceOf(Fenced);
    }
    before = position;
  }
  // A place inside a record is none.
  expect(await journal.get(6)).toBeUndefined();
  const seen: [number, number][] = [];
  const following = journal.follow(0, (position, record) => {
    expect(Buffer.from(record).equals(big(record.length, seen.length))).toBe(true);
    seen.push([position, record.length]);
  });
  await until("all records", () => seen.length === sizes.length);
  expect(seen).toEqual(placed);
  following.stop();
  await following.ended;
  await expect(journal.append(last, new Uint8Array(1001 * maxRecord))).rejects.toMatchObject({
    code: "body_too_large",
  });
  await close();
});

natsTest("a record is the same where the size of messages has changed since", async () => {
  await using servers = await NatsServers.start(1, { maxPayload: 500_000 });
  const { journal, close } = await openNats(servers.url("notes"), { deadlineMs: 20_000 });
  const record = big(1_200_000, 1);
  expect(await journal.append(0, record)).toBe(3);
  await servers.kill(0, "SIGTERM");
  await servers.start(0, { maxPayload: 2_000_000 });
  await until("the new size", () => journal.maxRecord > record.length);
  expect(await journal.append(0, record)).toBe(3);
  await expect(journal.append(0, record.subarray(1))).rejects.toBeInstanceOf(Fenced);
  await expect(journal.append(0, record.subarray(0, -1))).rejects.toBeInstanceOf(Fenced);
  await expect(journal.append(0, big(1_200_001, 1))).rejects.toBeInstanceOf(Fenced);
  expect(await journal.append(3, record)).toBe(4);
  await close();
});

natsTest("acknowledgements that are lost double nothing", async () => {
  await using servers = await NatsServers.start(1);
  using proxy = new NatsProxy(servers.ports[0] ?? 0);
  const { journal, close } = await openNats(servers.url("notes", [proxy.port]), {
    deadlineMs: 20_000,
  });
  let dropped = 0;
  proxy.filter = (data) => {
    if (data.includes('"seq":') && dropped++ % 3 === 0) return undefined;
    return data;
  };
  for (let i = 0; i < 10; i++) expect(await journal.append(i, bytes(`r${i}`))).toBe(i + 1);
  // A record of several messages, whose commit is not answered.
  dropped = 0;
  const record = big(journal.maxRecord * 2 + 1, 1);
  expect(await journal.append(10, record)).toBe(13);
  expect(dropped).toBeGreaterThan(0);
  proxy.filter = (data) => data;
  expect(await journal.extent()).toEqual({ first: 1, last: 13 });
  await close();
});

natsTest("out of reach, an append fails and a follower waits", async () => {
  await using servers = await NatsServers.start(1);
  using proxy = new NatsProxy(servers.ports[0] ?? 0);
  const { journal, close } = await openNats(servers.url("notes", [proxy.port]), {
    deadlineMs: 500,
  });
  const direct = await openNats(servers.url("notes"));
  await journal.append(0, bytes("a"));
  const seen: number[] = [];
  const following = journal.follow(0, (position) => {
    seen.push(position);
  });
  await until("the first record", () => seen.length === 1);
  proxy.isCut = true;
  proxy.cut();
  const asked = await Promise.allSettled([
    journal.append(1, bytes("r1")),
    journal.extent(),
    journal.get(5),
    journal.trim(1),
  ]);
  for (const outcome of asked) {
    expect(outcome).toMatchObject({ reason: { code: "journal_unreachable" } });
  }
  await servers.kill(0);
  await servers.start(0);
  for (let i = 1; i < 50; i++) await direct.journal.append(i, bytes(`r${i}`));
  proxy.isCut = false;
  await until("all records", () => seen.length === 50);
  expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  following.stop();
  await following.ended;
  await close();
  await direct.close();
});

natsTest("a stream that somebody deletes is no empty journal", async () => {
  await using servers = await NatsServers.start(1);
  const { journal, close } = await openNats(servers.url("notes"), {
    deadlineMs: 500,
    repairMs: 500,
  });
  await journal.append(0, bytes("a"));
  const following = journal.follow(0, () => {});
  const nc = await connect({ port: servers.ports[0] ?? 0 });
  await nc.request("$JS.API.STREAM.DELETE.XS_notes", "");
  await nc.close();
  const codeOf = (asked: Promise<unknown>) =>
    asked.then(
      () => "none",
      ({ code }) => code,
    );
  // While the server is busy with it, it does not answer in time.
  const code = await until("an answer", async () => {
    const found = await codeOf(journal.extent());
    return found !== "journal_unreachable" && found;
  });
  expect(code).toBe("journal_damaged");
  await expect(within("the end", following.ended)).rejects.toMatchObject({
    code: "journal_damaged",
  });
  await expect(journal.append(1, bytes("b"))).rejects.toMatchObject({
    code: "journal_unreachable",
  });
  await close();
});
