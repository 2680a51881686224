// Tasks as a person gives them to an agent, each with the calls that it needs.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { Agent, type Era } from "../support/mcp.ts";
import { type Server, startServer } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

/** What a task works with: a store with events of some days, its server, and an agent. */
interface Desk {
  readonly home: Home;
  readonly server: Server;
  readonly agent: Agent;
}

interface Task {
  /** What the person says. */
  readonly says: string;
  /** More options of `xs mcp`. */
  readonly options?: readonly string[];
  readonly work: (desk: Desk) => Promise<void>;
}

/** A row of the list of topics. */
interface Row {
  readonly topic: string;
  readonly frames: number;
  readonly last: string;
}

const LONG = Array.from({ length: 3_000 }, (_, n) => `línea ${n}`).join("\n");

const TASKS: readonly Task[] = [
  {
    says: "What is in this store, and what came last?",
    async work({ agent }) {
      const { topics } = await agent.ok("topics", { topic: "*,!stream.cross.*" });
      const counts = topics.map(({ topic, frames }: Row) => `${topic} ${frames}`);
      expect(counts).toContain("note 10");
      expect(counts).toContain("sensor.s1 10");
      const newest = topics.toSorted((a: Row, b: Row) => (a.last < b.last ? 1 : -1))[0];
      expect(newest.time).toMatch(/^\d{4}-.*Z$/);
      expect((await agent.ok("read", { id: newest.last })).frames[0].topic).toBe(newest.topic);
    },
  },
  {
    says: "Show me my three newest notes.",
    async work({ agent }) {
      const { frames, truncated } = await agent.ok("read", {
        topic: "note",
        order: "desc",
        limit: 3,
      });
      expect(frames.map(({ content }: { content: string }) => content)).toEqual([
        "note 9",
        "note 8",
        "note 7",
      ]);
      expect(truncated).toBe(true);
    },
  },
  {
    says: "What happened on the 3rd of May 2026?",
    async work({ agent }) {
      const { frames } = await agent.ok("read", { since: "2026-05-03", until: "2026-05-04" });
      expect(frames).toMatchObject([{ topic: "run", content: "5 km", meta: { minutes: 31 } }]);
    },
  },
  {
    says: "Go through all sensor readings, a few at a time, and sum them up.",
    async work({ agent }) {
      let sum = 0;
      let after: string | undefined;
      do {
        const page = await agent.ok("read", {
          topic: "sensor.*",
          limit: 7,
          ...(after && { after }),
        });
        for (const { meta } of page.frames) sum += meta.value;
        after = page.next;
      } while (after !== undefined);
      expect(sum).toBe((30 * 29) / 2);
    },
  },
  {
    says: "Read the whole report to me.",
    async work({ agent }) {
      const { frames } = await agent.ok("read", { topic: "report" });
      let [{ id, content, content_next: offset }] = frames;
      expect(content.length).toBeLessThan(LONG.length);
      // The list has the begin alone; the frame itself has more at a time.
      while (offset !== undefined) {
        const page = await agent.ok("read", { id, offset });
        content += page.frames[0].content;
        offset = page.frames[0].content_next;
      }
      expect(content).toBe(LONG);
    },
  },
  {
    says: "Tell me as soon as the build is done.",
    async work({ agent, home }) {
      const waits = Promise.withResolvers<void>();
      const answer = agent.call(
        "wait",
        { topic: "build.done", timeout_ms: 60_000 },
        { timeout: TEST_MS, onprogress: () => waits.resolve() },
      );
      await waits.promise;
      const frame = JSON.parse(await home.ok(["append", home.store, "build.done", "green"]));
      expect((await answer).value).toMatchObject({
        frames: [{ id: frame.id, topic: "build.done", content: "green" }],
        timed_out: false,
        next: frame.id,
      });
    },
  },
  {
    says: "Why was the alarm mail sent, and what else came of it?",
    async work({ agent }) {
      const [mail] = (await agent.ok("read", { topic: "mail" })).frames;
      const { causes } = await agent.ok("why", { id: mail.id, direction: "causes" });
      expect(causes).toMatchObject([
        { topic: "alarm", depth: 1 },
        { topic: "sensor.door", content: "open", depth: 2 },
      ]);
      const { effects } = await agent.ok("why", { id: causes[1].id });
      expect(effects.map(({ topic, depth }: Row & { depth: number }) => [topic, depth])).toEqual([
        ["alarm", 1],
        ["mail", 2],
        ["light", 2],
      ]);
    },
  },
  {
    says: "Where did I write about Zoë's recipe? Not the one with nuts.",
    async work({ agent }) {
      const { frames, truncated } = await agent.ok("search", { query: "zoe recip* -nuts" });
      expect(frames).toMatchObject([
        {
          topic: "mail.sent",
          snippet: expect.stringContaining("Zoë's recipe"),
          snippet_of: "content",
        },
      ]);
      expect(truncated).toBe(false);
      const [{ content }] = (await agent.ok("read", { id: frames[0].id })).frames;
      expect(content).toContain("with plums");
    },
  },
  {
    says: "Write down that I have to buy milk, but only once.",
    options: ["--append", "todo"],
    async work({ agent, home }) {
      const note = { topic: "todo", content: "buy milk", key: "milk-1" };
      const first = await agent.ok("append", note);
      expect(await agent.ok("append", note)).toEqual(first);
      const last = JSON.parse(await home.ok(["last", home.store, "todo"]));
      expect(last.id).toBe(first.frame.id);
      expect(await home.ok(["content", home.store, last.id])).toBe("buy milk");
    },
  },
  {
    says: "Count the visitors on, even if somebody else counts too.",
    options: ["--put", "views/"],
    async work({ agent }) {
      const before = await agent.ok("kv_get", { key: "views/count" });
      expect(before).toMatchObject({ value: "41", type: "text/plain" });
      const put = { key: "views/count", value: "42", expect: before.rev };
      const { rev } = await agent.ok("kv_put", put);
      expect(await agent.fails("kv_put", put)).toStartWith("precondition_failed: ");
      expect(await agent.ok("kv_get", { key: "views/count" })).toMatchObject({ value: "42", rev });
    },
  },
  {
    says: "Which settings are stored for the editor?",
    async work({ agent }) {
      const { entries, truncated } = await agent.ok("kv_list", { prefix: "editor/" });
      expect(entries.map(({ key }: { key: string }) => key)).toEqual(["editor/font", "editor/tab"]);
      expect(truncated).toBe(false);
    },
  },
];

let home: Home;
let server: Server;

beforeAll(async () => {
  home = new Home();
  server = await startServer(await home.makeStore());
  await home.ok([
    "append",
    home.store,
    "run",
    "5 km",
    "-F",
    "minutes=31",
    "--at",
    "2026-05-03T10:00Z",
  ]);
  for (let n = 0; n < 10; n++) await server.append("note", `note ${n}`);
  for (let n = 0; n < 30; n++) {
    const meta = JSON.stringify({ value: n });
    await server.append(`sensor.s${n % 3}`, "", { "xs-meta": meta });
  }
  await server.append("report", LONG);
  await server.append("mail.sent", `${"Dear Ann, ".repeat(50)} here is Zoë's recipe, with plums`);
  await server.append("mail.sent", "and this is Zoë's recipe with nuts");
  const door = await server.append("sensor.door", "open", { "xs-meta": '{"value":0}' });
  const of = ({ id }: { id: string }) => ({ "xs-meta": JSON.stringify({ frame_id: id }) });
  const alarm = await server.append("alarm", "the door is open", of(door));
  await server.append("mail", "the door is open", of(alarm));
  await server.append("light", "on", of(alarm));
  await home.ok(["kv", "put", home.store, "views/count", "41", "--type", "text/plain"]);
  await home.ok(["kv", "put", home.store, "editor/font", "mono"]);
  await home.ok(["kv", "put", home.store, "editor/tab", "2"]);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  home[Symbol.dispose]();
});

for (const era of ["2025-11-25", "2026-07-28"] satisfies Era[]) {
  for (const { says, options = [], work } of era === "2025-11-25" ? TASKS : TASKS.slice(0, 5)) {
    test(`${era}: ${says}`, async () => {
      await using agent = await Agent.start(home.path, [home.store, ...options], { era });
      await work({ home, server, agent });
    });
  }
}
