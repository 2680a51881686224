import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { api } from "../../src/api/api.ts";
import { Access } from "../../src/core/access.ts";
import type { Frame } from "../../src/core/frame.ts";
import type { Snippet } from "../../src/core/search-match.ts";
import { searchProcesses } from "../support/search-processes.ts";
import { parseLines, startServer } from "../support/server.ts";
import { tempDir } from "../support/temp.ts";
import { Exposed } from "../support/tokens.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { expectProblem, idsOf, Subject } from "./with-store.ts";

setDefaultTimeout(TEST_MS);

type Found = Frame & { snippet: Snippet };

const path = (q: string, more = "") => `/-/search?q=${encodeURIComponent(q)}${more}`;

describe("GET /-/search", () => {
  test("returns frames with a snippet, the newest first", async () => {
    await using it = new Subject();
    const one = await it.append("note", "buy milk");
    const two = await it.append("note.b", "milk\n\u001b[31mred");
    await it.append("other", "nothing");
    const found = (await it.frames(path("milk"))) as Found[];
    expect(found).toEqual([
      { ...two, snippet: { in: "content", text: "milk\n\u001b[31mred", matches: [[0, 4]] } },
      { ...one, snippet: { in: "content", text: "buy milk", matches: [[4, 8]] } },
    ]);
    expect(Object.keys(found[0] ?? {}).at(-1)).toBe("snippet");
    expect(await it.ids(path("milk", "&limit=1"))).toEqual([two.id]);
    expect(await it.ids(path("milk", "&topic=note"))).toEqual([one.id]);
    expect(await it.ids(path("milk topic:note.*"))).toEqual([two.id]);
    expect(await it.ids(path("topic:note.*,note"))).toEqual([two.id, one.id]);
    expect(await it.ids(path("milk", "&since=2100-01-01"))).toEqual([]);
    expect(await it.ids(path("milk", "&until=2000-01-01"))).toEqual([]);
    const [stamped] = await it.frames(path("milk", "&with-timestamp&limit=1"));
    expect(Object.keys(stamped ?? {}).slice(-2)).toEqual(["timestamp", "snippet"]);
  });

  test("refuses what is no query", async () => {
    await using it = new Subject();
    await expectProblem(await it.ask("/-/search"), 400, "bad_query", /empty/);
    await expectProblem(await it.ask(path('a "b')), 400, "bad_query", /second one/);
    await expectProblem(await it.ask(path("???")), 400, "bad_query", /no word/);
    await expectProblem(await it.ask(path("topic:a..b")), 400, "bad_topic");
    await expectProblem(await it.ask(path("a", "&limit=x")), 400, "bad_option");
    await expectProblem(await it.ask(path("a", "&follow")), 400, "bad_option");
    await expectProblem(
      await it.ask(path("a", "&since=2020-01-02&until=2020-01-01")),
      400,
      "bad_option",
    );
    const head = await it.ask(path("a"), { method: "HEAD" });
    expect([head.status, head.headers.get("content-type")]).toEqual([200, "application/x-ndjson"]);
  });

  test("a thousand at once: some are answered, the others are asked to come again, and the server goes on", async () => {
    await using server = await startServer(`${tempDir()}/store`);
    const { id } = await server.append("note", "milk");
    const answers = await Promise.all(
      Array.from({ length: 1000 }, async () => {
        const response = await server.fetch(path("milk"));
        const text = await response.text();
        if (response.status === 200) return text.includes(id) ? "found" : text;
        return `${response.status} ${response.headers.get("retry-after")} ${JSON.parse(text).code}`;
      }),
    );
    expect([...new Set(answers)].sort()).toEqual(["503 1 too_many_requests", "found"]);
    expect(idsOf(await server.frames(path("milk")))).toEqual([id]);
  });

  test("goes on where its processes are killed", async () => {
    await using server = await startServer(`${tempDir()}/store`);
    const { id } = await server.append("note", "milk");
    for (let round = 0; round < 3; round++) {
      expect(idsOf(await server.frames(path("milk")))).toEqual([id]);
      for (const pid of await searchProcesses(server.pid)) process.kill(pid, "SIGKILL");
    }
    // And they end with a server that is killed.
    expect(idsOf(await server.frames(path("milk")))).toEqual([id]);
    const pids = await searchProcesses(server.pid);
    expect(pids.length).toBeGreaterThan(0);
    await server.stop("SIGKILL");
    await until("the processes of the search have ended", () => pids.every((pid) => !isAlive(pid)));
  });

  test("ends the process of a search whose client leaves, and writers do not wait for one that hangs", async () => {
    await using server = await startServer(`${tempDir()}/store`);
    const { id } = await server.append("note", "milk");
    expect(idsOf(await server.frames(path("milk")))).toEqual([id]);
    const stopped = await searchProcesses(server.pid);
    for (const pid of stopped) process.kill(pid, "SIGSTOP");
    await until("the process of a search whose client left is gone", async () => {
      const client = new AbortController();
      const asked = server.fetch(path("milk"), { signal: client.signal });
      await server.fetch("/health");
      client.abort();
      await asked.catch(() => {});
      return !stopped.every(isAlive);
    });
    await server.append("note", "more milk");
    // The one that keeps the index still hangs.
    const response = await server.fetch(path("milk"));
    await expectProblemWith(response, { percent: expect.any(String) });
    await server.append("note", "even more");
    for (const pid of stopped) if (isAlive(pid)) process.kill(pid, "SIGCONT");
    await until("the index is there", async () => {
      const again = await server.fetch(path("milk"));
      return parseLines(await again.text()).length === 2 && again.ok;
    });
  });

  test("searches of tokens that nobody reads leave the owner room", async () => {
    await using it = new Subject();
    await it.post("/stream", `${JSON.stringify({ topic: "note", content: "milk" })}\n`.repeat(300));
    expect((await it.ids(path("milk"))).length).toBe(300);
    const answer = api(it.store);
    const access = (name: string) =>
      new Access({ name, read: ["*"], append: [], keys: null, cors: null, all: false });
    const ask = (name: string) => answer(new Request(`http://xs${path("milk")}`), access(name));
    const unread = [await ask("one"), await ask("two")];
    for (let n = 0; n < 3; n++) {
      await expectProblem(await ask("one"), 503, "too_many_requests", "searches of tokens");
    }
    expect((await it.ids(path("milk", "&limit=3"))).length).toBe(3);
    await unread[0]?.body?.cancel();
    await until("there is room again", async () => {
      const response = await ask("three");
      return response.ok && parseLines(await response.text()).length === 300;
    });
    expect(parseLines((await unread[1]?.text()) ?? "").length).toBe(300);
    expect(parseLines(await (await ask("four")).text()).length).toBe(300);
  });

  test("shows a token the frames that it reads, and counts these alone", async () => {
    await using it = await Exposed.start();
    const open = await it.server.append("open.a", "milk");
    for (let n = 0; n < 5; n++) await it.server.append("closed", `milk ${n}`);
    const token = await it.add("reads", "--read", "open.*");
    const ids = async (query: string) => {
      const response = await it.ask(token, `GET ${query}`);
      return idsOf(parseLines(await response.text()));
    };
    expect(await ids(path("milk", "&limit=1"))).toEqual([open.id]);
    expect(await ids(path("-nothing"))).toEqual([open.id]);
    expect(await ids(path("topic:closed"))).toEqual([]);
    expect(await it.outcome(token, `GET ${path("milk", "&topic=closed")}`)).toBe("403 forbidden");
    const most = await it.add("most", "--read", "*", "--read", "!open.*");
    expect(await it.outcome(most, `GET ${path("reason", "&topic=stream.cross.*")}`)).toBe(
      "403 forbidden",
    );
    const response = await it.ask(most, `GET ${path("-nothing", "&limit=9")}`);
    expect(parseLines(await response.text()).map(({ topic }) => topic)).toEqual(
      Array(5).fill("closed"),
    );
  });
});

/** Checks the refusal while the index is made. */
async function expectProblemWith(response: Response, members: object): Promise<void> {
  expect(response.headers.get("retry-after")).toBe("1");
  expect(await response.json()).toMatchObject({ status: 503, code: "index_building", ...members });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
