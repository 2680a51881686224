// What lies between the nodes and the NATS servers of their journal loses answers, or cuts a node off.
import { expect, setDefaultTimeout } from "bun:test";
import { natsTest } from "../support/nats-test.ts";
import { Random, report, seedFrom, setting } from "../support/random.ts";
import { parseLines } from "../support/server.ts";
import { LineReader, TEST_MS, until } from "../support/wait.ts";
import { writesGoOn } from "./chaos/attacks.ts";
import { Campaign } from "./chaos/campaign.ts";
import { Proxied } from "./chaos/proxied.ts";

/** How long answers are dropped, in s. */
const SECONDS = setting("XS_CHAOS_DROP_SECONDS", 10);
const SEED = seedFrom("XS_CHAOS_SEED");

setDefaultTimeout(TEST_MS + 3000 * SECONDS);

natsTest("every k-th acknowledgement is lost: nothing is lost or doubled", async () => {
  report(`XS_CHAOS_DROP_SECONDS=${SECONDS} XS_CHAOS_SEED=${SEED}`, []);
  const random = new Random(SEED);
  await using proxied = await Proxied.start();
  await using campaign = await Campaign.begin(proxied.nodes, random);
  const dropped = { acknowledgements: 0, "answers of nodes": 0 };
  for (const [kind, isDropped] of [
    ["acknowledgements", (text: string) => /"stream":"XS_chaos","seq":\d+/.test(text)],
    ["answers of nodes", (text: string) => /"record":\d+\}|"error":\{"code"/.test(text)],
  ] as const) {
    let seen = 0;
    const every = 2 + random.below(4);
    await campaign.round(async (clients) => {
      for (const i of proxied.nodes.all) {
        proxied.filter(i, (message) => {
          if (!isDropped(message.toString("latin1")) || ++seen % every > 0) return message;
          dropped[kind]++;
          return undefined;
        });
      }
      await Bun.sleep(SECONDS * 500);
      for (const i of proxied.nodes.all) proxied.filter(i, (message) => message);
      await writesGoOn(clients);
    });
    expect(dropped[kind]).toBeGreaterThan(0);
  }
  await campaign.finish();
  const shown = Object.entries({ ...dropped, ...campaign.counts });
  report(shown.map(([name, count]) => `${name}: ${count}`).join(", "), ["lost, doubled: 0"]);
});

natsTest(
  "a leader that is cut off says nothing that is not true any more, and comes back",
  async () => {
    await using proxied = await Proxied.start();
    const { nodes } = proxied;
    const old = await nodes.leader();
    const [other = 0] = nodes.all.filter((i) => i !== old);
    const before = nodes.server(old);
    const first = await before.append("chain");
    await before.fetch("/kv/early", { method: "PUT", body: "1" });
    const follower = new LineReader((await before.fetch("/?follow")).body);
    await follower.through((line) => line.includes(first.id));
    const { epoch = 0 } = nodes.newest?.leader ?? {};

    proxied.cut(old);
    // Before the others have noticed: nobody knows yet whether it is there.
    const unknown = await before.fetch("/stream/lost", { method: "POST", body: "x" });
    expect([unknown.status, await unknown.json()]).toMatchObject([
      503,
      { code: "journal_unreachable" },
    ]);
    await nodes.leader(epoch);
    const server = nodes.server(other);
    const second = await until("the others write", async () => {
      const response = await server.fetch("/stream/chain", { method: "POST" });
      return response.ok && ((await response.json()) as { id: string });
    });
    await server.fetch("/kv/late", { method: "PUT", body: "2" });
    await server.fetch("/kv/early", { method: "DELETE" });

    // It knows none of that. It may refuse, and must not answer.
    const asked: [string, RequestInit][] = [
      ["/kv/late", { method: "DELETE" }],
      [`/${second.id}`, { method: "DELETE" }],
      ["/kv/early", { method: "PUT", body: "3", headers: { "if-none-match": "*" } }],
      ["/stream/chain", { method: "POST", headers: { "xs-expect-last": first.id } }],
      ["/stream/chain", { method: "POST", headers: { "xs-expect-last": "none" } }],
      ["/stream/plain", { method: "POST", body: "content" }],
    ];
    for (const [path, init] of asked) {
      const { status } = await before.fetch(path, init);
      expect([init.method, path, status]).toEqual([init.method, path, 503]);
    }
    // Reads go on.
    expect(parseLines(await (await before.fetch("/?topic=chain")).text())).toEqual([first]);
    expect(await (await before.fetch("/kv/early")).text()).toBe("1");
    expect((await server.fetch("/kv/late")).status).toBe(200);

    proxied.heal(old);
    await follower.through((line) => line.includes(second.id));
    await nodes.atRest();
    expect((await before.fetch("/kv/early")).status).toBe(404);
    expect(await (await before.fetch("/kv/late")).text()).toBe("2");
    expect((await before.fetch("/kv/late", { method: "DELETE" })).status).toBe(204);
    expect((await server.frames("/?topic=lost")).length).toBe(0);
    const frames = await Promise.all(nodes.all.map((i) => nodes.server(i).frames()));
    expect(frames.every((each) => Bun.deepEquals(each, frames[0]))).toBe(true);
  },
);
