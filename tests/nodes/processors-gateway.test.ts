// A gateway on any node of a store: handlers run on the one that leads, and answers come through the journal.
import { expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { READ_ALL } from "../../src/core/read-options.ts";
import { FOREVER } from "../../src/core/ttl.ts";
import { Gateway } from "../../src/gateway/gateway.ts";
import type { Inquiry } from "../../src/processors/leader/lead.ts";
import { type LedNode, LedNodes } from "../support/led-nodes.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** A gateway on a node, and how to visit it. */
class Site implements AsyncDisposable {
  readonly #gateway: Gateway;

  private constructor(gateway: Gateway) {
    this.#gateway = gateway;
  }

  static async on({ node, led }: LedNode, timeout = 60_000): Promise<Site> {
    const limits = { timeout, bodyMax: 1_000_000, inFlight: 100, ttl: FOREVER };
    const at = { hostname: "127.0.0.1", port: 0 };
    return new Site(
      await Gateway.listen({ store: node.store, handlers: led, limits }, at, Promise.resolve()),
    );
  }

  get(path = "/"): Promise<Response> {
    return fetch(`http://${this.#gateway.address}${path}`, { headers: { accept: "text/plain" } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#gateway.stop(100);
  }
}

const ECHO = `export default {
  topics: ["http.request"],
  run: (frame) => ({ response: { body: "you asked for " + frame.meta.path } }),
}`;

/** The nodes that lead and do not. */
async function rolesOf(nodes: LedNodes): Promise<{ leader: LedNode; others: LedNode[] }> {
  const leader = await nodes.leader();
  return { leader, others: nodes.all.filter((each) => each !== leader) };
}

test("a request to any node is answered by the handler on the one that leads", async () => {
  await using nodes = new LedNodes(3);
  await nodes.spawn("handler", "web", ECHO);
  for (const each of nodes.all) {
    await using site = await Site.on(each);
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, n) => (await site.get(`/${n}`)).text()),
    );
    expect(answers).toEqual(Array.from({ length: 20 }, (_, n) => `you asked for /${n}`));
  }
  const { leader } = await rolesOf(nodes);
  // Another node may have a record a moment before it.
  await until("all answers", async () => (await leader.frames("http.response")).length >= 60);
  const counts = [await leader.frames("http.request"), await leader.frames("http.response")];
  expect(counts.map(({ length }) => length)).toEqual([60, 60]);
});

test("without a handler a request to any node is refused at once, unless somebody follows requests anywhere", async () => {
  await using nodes = new LedNodes(3);
  const { leader, others } = await rolesOf(nodes);
  const [one, other] = others as [LedNode, LedNode];
  await until("every node is known", () => leader.node.replica.state.nodes.length === 3);
  for (const each of [leader, one]) {
    await using site = await Site.on(each);
    const refused = await site.get();
    expect(refused.status).toBe(503);
    expect(await refused.text()).toContain("nobody answers here yet");
  }
  const reader = other.node.store.read({
    ...READ_ALL,
    tail: true,
    follow: true,
    topics: ["http.request"],
  });
  await reader.next();
  for (const each of [leader, one, other]) {
    await using site = await Site.on(each);
    const asked = site.get();
    const [request] = JSON.parse(`[${String(Buffer.from((await reader.next()) ?? [])).trim()}]`);
    await Bun.sleep(300);
    await other.say("http.response", { request_id: request.id }, "by hand");
    expect(await (await asked).text()).toBe("by hand");
  }
  reader.close();
});

test("a handler that fails on a request says so to a visitor of any node", async () => {
  await using nodes = new LedNodes(2);
  await nodes.spawn(
    "handler",
    "web",
    'export default { topics: ["http.request"], run() { throw new Error("oh no"); } }',
  );
  for (const each of nodes.all) {
    await using site = await Site.on(each);
    expect((await site.get()).status).toBe(500);
    const errors = await until("an http.error", async () => {
      const all = await each.frames("http.error");
      return all.length > 0 && all;
    });
    expect(errors.at(-1)?.meta).toMatchObject({ status: 500, code: "handler_failed" });
    expect(errors.at(-1)?.meta.reason).toContain("oh no");
  }
  // One that is over: the page of its owner says that it failed.
  await nodes.spawn(
    "handler",
    "web",
    'export default { topics: ["http.request"], on_error: "fail", run() { throw new Error("no"); } }',
  );
  const { others } = await rolesOf(nodes);
  await using site = await Site.on(others[0] as LedNode);
  await site.get();
  const refused = await until("a refusal", async () => {
    const answer = await site.get();
    return answer.status === 503 && answer;
  });
  expect(await refused.text()).toContain("the handler of this site has failed");
});

test("a request whose leader is lost is answered once, by the handler on the next one", async () => {
  await using nodes = new LedNodes(3);
  using home = tempDirectory();
  const gate = join(home.path, "gate");
  const slow = `export default {
    topics: ["http.request"],
    initial: 0,
    async run(frame, state, xs) {
      while (!(await Bun.file(${JSON.stringify(gate)}).exists())) await Bun.sleep(20);
      await xs.kv.put("visits", String(state + 1));
      return { response: { body: "here I am" }, next: state + 1 };
    },
  }`;
  await nodes.spawn("handler", "web", slow);
  const { leader, others } = await rolesOf(nodes);
  const [one] = others as [LedNode];
  // The gateway asks about a request once it waits for the answer.
  let isWaiting = false;
  const { answerInquiry } = leader.node;
  leader.node.answerInquiry = (inquiry) => {
    if ((inquiry as Inquiry).about === "requests") isWaiting = true;
    return answerInquiry(inquiry);
  };
  await using site = await Site.on(one);
  const asked = site.get();
  await until("the gateway waits for the answer", () => isWaiting);
  leader.cluster.cut();
  writeFileSync(gate, "");
  const answer = await asked;
  expect(await answer.text()).toBe("here I am");
  leader.cluster.heal();
  await until("it leads no more", () => leader.epochs.at(-1) === null);
  expect((await one.frames("http.response")).length).toBe(1);
  const visits = await one.node.store.kv.get("visits");
  expect(new TextDecoder().decode(visits?.value)).toBe("1");
});

test("a failure before the change of leader is known after it", async () => {
  await using nodes = new LedNodes(2);
  await nodes.spawn(
    "handler",
    "web",
    'export default { topics: ["http.request"], run() { throw new Error("oh no"); } }',
  );
  const { leader } = await rolesOf(nodes);
  const request = await leader.say("http.request", { path: "/" });
  await until("it failed", async () => (await leader.frames("web.error")).length === 1);
  const { epoch } = leader.node;
  await leader.resign();
  await until("another epoch", () =>
    nodes.all.some(({ node }) => node.epoch !== undefined && node.epoch !== epoch),
  );
  for (const { led } of nodes.all) {
    const { over, forget } = led.unanswered(request.id);
    expect((await over).reasons).toEqual(["web: oh no (web.ts:1:62)"]);
    forget();
  }
});
