import { expect, setDefaultTimeout } from "bun:test";
import { connect } from "@nats-io/transport-node";
import { Fenced, type Journal } from "../../src/store/journal/journal.ts";
import { openNats } from "../../src/store/journal/nats/open.ts";
import { liveBytes } from "../support/memory.ts";
import { NatsServers } from "../support/nats.ts";
import { NatsProxy } from "../support/nats-proxy.ts";
import { natsTest } from "../support/nats-test.ts";
import { DEADLINE_MS, TEST_MS, until, within } from "../support/wait.ts";
import { type Answers, withholding } from "./chaos/wire.ts";

setDefaultTimeout(TEST_MS);

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (record: Uint8Array): string => new TextDecoder().decode(record);

/** Appends until the record is there, as whoever writes does with an outcome that is unknown. */
async function appendFor(journal: Journal, expected: number, record: Uint8Array): Promise<number> {
  return await until(`record ${expected + 1}`, async () => {
    try {
      return await journal.append(expected, record);
    } catch (error) {
      if ((error as { code?: string }).code === "journal_unreachable") return undefined;
      throw error;
    }
  });
}

natsTest("servers that are killed and frozen amid appends lose and double nothing", async () => {
  await using servers = await NatsServers.start(3);
  const writer = await openNats(servers.url("notes"));
  const reader = await openNats(servers.url("notes"));
  const count = 2000;
  const seen: string[] = [];
  const following = reader.journal.follow(0, (position, record) => {
    expect(position).toBe(seen.length + 1);
    seen.push(text(record));
  });
  let frozen: number | undefined;
  let killed: number | undefined;
  for (let i = 0; i < count; i++) {
    if (i === 500) {
      killed = await servers.leaderOf("XS_notes");
      await servers.kill(killed);
    }
    if (i === 1000 && killed !== undefined) await servers.start(killed);
    if (i === 1300) {
      frozen = await servers.leaderOf("XS_notes");
      servers.freeze(frozen);
    }
    if (i === 1600 && frozen !== undefined) servers.thaw(frozen);
    expect(await appendFor(writer.journal, i, bytes(`r${i}`))).toBe(i + 1);
  }
  await until("all records", () => seen.length >= count);
  expect(seen).toEqual(Array.from({ length: count }, (_, i) => `r${i}`));
  await expect(writer.journal.append(count - 1, bytes("x"))).rejects.toBeInstanceOf(Fenced);
  expect(await writer.journal.extent()).toEqual({ first: 1, last: count });
  following.stop();
  await within("the end", following.ended);
  await writer.close();
  await reader.close();
});

natsTest("all servers killed and started again, a follower goes on", async () => {
  await using servers = await NatsServers.start(3);
  const { journal, close } = await openNats(servers.url("notes"), { deadlineMs: 1000 });
  for (let i = 0; i < 20; i++) await journal.append(i, bytes(`r${i}`));
  const seen: string[] = [];
  const following = journal.follow(0, (_, record) => {
    seen.push(text(record));
  });
  await until("the first records", () => seen.length === 20);
  await Promise.all([0, 1, 2].map((i) => servers.kill(i)));
  await expect(journal.append(20, bytes("r20"))).rejects.toMatchObject({
    code: "journal_unreachable",
  });
  await Promise.all([0, 1, 2].map((i) => servers.start(i)));
  for (let i = 20; i < 40; i++) expect(await appendFor(journal, i, bytes(`r${i}`))).toBe(i + 1);
  await until("the rest", () => seen.length === 40);
  expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => `r${i}`));
  following.stop();
  await within("the end", following.ended);
  await close();
});

natsTest(
  "a bit that flipped in one replica is repaired by the others, one in all stops a follower, which names the record",
  async () => {
    await using servers = await NatsServers.start(3);
    const { journal, close } = await openNats(servers.url("notes"), { repairMs: 2000 });
    const texts = Array.from({ length: 200 }, (_, i) => `record <${i}>`);
    for (const [i, one] of texts.entries()) await journal.append(i, bytes(one));
    const flip = async (i: number): Promise<void> => {
      await servers.kill(i, "SIGTERM");
      servers.flipBit(i, "XS_notes", "record <120>");
      await servers.start(i);
    };
    await flip(1);
    const nc = await connect({ port: servers.ports[0] ?? 0 });
    // Led by it, by another, and by it again: whichever serves a follower.
    for (const leader of ["n2", "n1", "n2"]) {
      const wish = JSON.stringify({ placement: { preferred: leader } });
      await until(`${leader} leads`, async () => {
        if (`n${(await servers.leaderOf("XS_notes")) + 1}` === leader) return true;
        await nc.request("$JS.API.STREAM.LEADER.STEPDOWN.XS_notes", wish).catch(() => {});
        return false;
      });
      for (let round = 0; round < 3; round++) {
        const seen: string[] = [];
        const following = journal.follow(0, (_, record) => {
          seen.push(text(record));
        });
        await until("all records", () => seen.length === texts.length);
        expect(seen).toEqual(texts);
        following.stop();
        await within("the end", following.ended);
        expect(text((await journal.get(121)) ?? bytes(""))).toBe("record <120>");
      }
    }
    await nc.close();
    await flip(0);
    await flip(2);
    const seen: string[] = [];
    const { ended } = journal.follow(0, (_, record) => {
      seen.push(text(record));
    });
    const named = { code: "journal_damaged", members: { record: "121" } };
    await expect(within("the end", ended)).rejects.toMatchObject(named);
    expect(seen).toEqual(texts.slice(0, 120));
    await expect(within("an answer", journal.get(121))).rejects.toMatchObject(named);
    await close();
  },
);

natsTest("a slow follower keeps memory flat, with many records and with large ones", async () => {
  await using servers = await NatsServers.start(1, { syncInterval: "2m" });
  for (const [name, count, size] of [
    ["many", 100_000, 1000],
    ["large", 300, 1_000_000],
  ] as const) {
    const { journal, close } = await openNats(servers.url(name));
    // Faster than one after the other: without a condition, straight into the stream.
    const nc = await connect({ port: servers.ports[0] ?? 0 });
    const message = new Uint8Array(size).fill(1);
    const together = Math.ceil(1_000_000 / size);
    const publish = (): Promise<unknown> =>
      nc.request(`xs.${name}.c`, message, { timeout: DEADLINE_MS });
    for (let i = 0; i < count; i += together) {
      await Promise.all(Array.from({ length: together }, publish));
    }
    await nc.close();
    expect((await journal.extent()).last).toBe(count);
    const before = liveBytes();
    let peak = 0;
    let taken = 0;
    const following = journal.follow(0, async () => {
      taken++;
      if (taken % Math.ceil(200_000 / size) === 0) await Bun.sleep(1);
      if (taken % Math.ceil(10_000_000 / size) === 0) peak = Math.max(peak, liveBytes());
    });
    await until("all records", () => taken === count);
    expect(peak - before).toBeLessThan(32 * 1_048_576);
    following.stop();
    await following.ended;
    await close();
  }
});

/** What a server says of a stream, which ends earlier than it does. */
function endsAt(last: number): Answers {
  return {
    stream_info_response: (answer) => ({
      ...answer,
      state: { ...(answer.state as object), last_seq: last },
    }),
  };
}

/** A journal with 20 records behind a proxy, and what follows it. */
async function behindProxy(): Promise<{
  readonly proxy: NatsProxy;
  readonly direct: Journal;
  readonly journal: Journal;
  readonly seen: number[];
  readonly each: (position: number) => void;
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const servers = await NatsServers.start(1);
  const proxy = new NatsProxy(servers.ports[0] ?? 0);
  const direct = await openNats(servers.url("notes"));
  for (let i = 0; i < 20; i++) await direct.journal.append(i, bytes(`r${i}`));
  const through = await openNats(servers.url("notes", [proxy.port]), { repairMs: 500 });
  const seen: number[] = [];
  return {
    proxy,
    direct: direct.journal,
    journal: through.journal,
    seen,
    each: (position) => {
      seen.push(position);
    },
    async [Symbol.asyncDispose]() {
      await through.close();
      await direct.close();
      proxy[Symbol.dispose]();
      await servers[Symbol.asyncDispose]();
    },
  };
}

const places = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

natsTest("where no server serves a follower, it gets the records one by one", async () => {
  await using at = await behindProxy();
  at.proxy.filter = withholding({ consumer_create_response: () => undefined }, "consumer");
  const following = at.journal.follow(0, at.each);
  await until("all records", () => at.seen.length === 20);
  for (let i = 20; i < 25; i++) await at.direct.append(i, bytes(`r${i}`));
  await until("the new ones", () => at.seen.length === 25);
  expect(at.seen).toEqual(places(25));
  following.stop();
  await within("the end", following.ended);
});

natsTest("where the server that leads has lost the end, the others hand it out", async () => {
  await using at = await behindProxy();
  at.proxy.filter = withholding(endsAt(10), "consumer");
  const following = at.journal.follow(0, at.each);
  await until("all records", () => at.seen.length === 20);
  expect(at.seen).toEqual(places(20));
  following.stop();
  await within("the end", following.ended);
});

natsTest("a follower to which nobody hands out a record says so, and goes on", async () => {
  await using at = await behindProxy();
  at.proxy.filter = withholding({ stream_msg_get_response: () => undefined }, "all");
  const following = at.journal.follow(0, at.each);
  const problem = await until("its problem", () => following.problem);
  expect(problem).toMatchObject({ code: "journal_unreachable" });
  expect(problem.message).toContain("record 1");
  at.proxy.filter = (message) => message;
  await until("all records", () => at.seen.length === 20);
  await until("it is well", () => following.problem === undefined);
  following.stop();
  await within("the end", following.ended);
});

natsTest("a journal that ends before what was read from it stops a follower", async () => {
  await using at = await behindProxy();
  const { ended } = at.journal.follow(0, at.each);
  await until("all records", () => at.seen.length === 20);
  at.proxy.filter = withholding(endsAt(10), "all");
  await expect(within("the end", ended)).rejects.toMatchObject({
    code: "journal_damaged",
    members: { record: "20" },
  });
});

natsTest("a frozen server is left, however much waits to be sent to it", async () => {
  await using servers = await NatsServers.start(1);
  const [port = 0] = servers.ports;
  using one = new NatsProxy(port);
  using other = new NatsProxy(port);
  const { journal, messages, close } = await openNats(servers.url("notes", [one.port, other.port]));
  await journal.append(0, bytes("before"));
  const used = one.connections > 0 ? one : other;
  expect(one.connections + other.connections).toBe(1);
  used.freeze();
  // More than the buffers of the system take.
  for (let i = 0; i < 32; i++) messages.tell(new Uint8Array(1_000_000));
  expect(await appendFor(journal, 1, bytes("after"))).toBe(2);
  await close();
});
