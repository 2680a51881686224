import { expect, setDefaultTimeout } from "bun:test";
import { openNats } from "../../src/store/journal/nats/open.ts";
import { NatsServers } from "../support/nats.ts";
import { NatsProxy } from "../support/nats-proxy.ts";
import { natsTest } from "../support/nats-test.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (body: Uint8Array): string => new TextDecoder().decode(body);
const MB = 1_048_576;

natsTest("a node is asked, and answers", async () => {
  await using servers = await NatsServers.start(1);
  const a = await openNats(servers.url("notes"));
  const b = await openNats(servers.url("notes"));
  const other = await openNats(servers.url("others"));
  other.messages.answer("b", async () => bytes("of another store"));
  await expect(a.messages.ask("b", bytes("?"), 5000)).rejects.toMatchObject({
    code: "node_unreachable",
  });
  const end = b.messages.answer("b", async (body) => bytes(`b heard ${text(body)}`));
  // What is subscribed on one connection is known to the server once it has answered there.
  await b.journal.extent();
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) => a.messages.ask("b", bytes(`${i}`), 5000)),
  );
  expect(answers.map(text)).toEqual(Array.from({ length: 100 }, (_, i) => `b heard ${i}`));
  expect(text(await b.messages.ask("b", new Uint8Array(), 5000))).toBe("b heard ");
  end();
  await expect(a.messages.ask("b", bytes("?"), 5000)).rejects.toMatchObject({
    code: "node_unreachable",
  });
  for (const { close } of [a, b, other]) await close();
});

natsTest("large bodies go both ways, several at once", async () => {
  await using servers = await NatsServers.start(1);
  const a = await openNats(servers.url("notes"));
  const b = await openNats(servers.url("notes"));
  b.messages.answer("b", async (body) => body.toReversed());
  await b.journal.extent();
  const sizes = [MB - 1024, MB, 3 * MB + 1, 64 * MB];
  await Promise.all(
    sizes.map(async (size) => {
      const body = crypto.getRandomValues(Buffer.alloc(Math.min(size, 65_536)));
      const whole = Buffer.alloc(size, body);
      const answer = await a.messages.ask("b", whole, 60_000);
      expect(Buffer.from(answer).equals(whole.reverse())).toBe(true);
    }),
  );
  await a.close();
  await b.close();
});

natsTest("an answer that does not come, and a node that is not connected", async () => {
  await using servers = await NatsServers.start(1);
  using proxy = new NatsProxy(servers.ports[0] ?? 0);
  const a = await openNats(servers.url("notes", [proxy.port]));
  const b = await openNats(servers.url("notes"));
  const never = Promise.withResolvers<Uint8Array>();
  b.messages.answer("b", () => never.promise);
  await b.journal.extent();
  await expect(a.messages.ask("b", bytes("?"), 200)).rejects.toMatchObject({
    code: "journal_unreachable",
  });
  proxy.isCut = true;
  proxy.cut();
  await expect(a.messages.ask("b", bytes("?"), 200)).rejects.toMatchObject({
    code: "journal_unreachable",
  });
  // A gap that is over in time is none.
  const asked = a.messages.ask("b", bytes("?"), 30_000);
  proxy.isCut = false;
  never.resolve(bytes("late"));
  expect(text(await asked)).toBe("late");
  await a.close();
  await b.close();
});

natsTest("all nodes hear what one tells", async () => {
  await using servers = await NatsServers.start(1);
  const nodes = [await openNats(servers.url("notes")), await openNats(servers.url("notes"))];
  const heard: string[][] = [[], []];
  const ends = nodes.map(({ messages }, i) =>
    messages.hear((body) => {
      heard[i]?.push(text(body));
    }),
  );
  for (const { journal } of nodes) await journal.extent();
  nodes[0]?.messages.tell(bytes("one"));
  nodes[0]?.messages.tell(bytes("two"));
  await until("both have heard", () => heard.every(({ length }) => length === 2));
  expect(heard).toEqual([
    ["one", "two"],
    ["one", "two"],
  ]);
  for (const end of ends) end();
  for (const { close } of nodes) await close();
});

natsTest("what is told may be larger than a message of NATS", async () => {
  await using servers = await NatsServers.start(1, { maxPayload: 65_536 });
  const [a, b] = [await openNats(servers.url("notes")), await openNats(servers.url("notes"))];
  const heard: string[] = [];
  b.messages.hear((body) => heard.push(text(body)));
  await b.journal.extent();
  const bodies = ["", "x", "y".repeat(65_536), "z".repeat(1_000_000), "end"];
  for (const body of bodies) a.messages.tell(bytes(body));
  await until("all is heard", () => heard.length === bodies.length);
  expect(heard).toEqual(bodies);
  await a.close();
  await b.close();
});
