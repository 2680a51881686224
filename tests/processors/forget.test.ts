// Frames about processors are forgotten, or taken by a rule: what runs goes on, and what ended does not come back.
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import {
  answered,
  countOf,
  framesOf,
  say,
  sayMany,
  serving,
  spawn,
  statuses,
  terminate,
} from "../support/processors.ts";
import { type Server, startServer } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const ECHO = `export default { topics: ["n"], run: ({ meta }) => ({ out: { n: meta.n } }) }`;
const FAILS = `export default { topics: ["bad"], run() { throw new Error("no"); } }`;

interface Counts {
  readonly frames: number;
  readonly kept: number;
}

async function forget(server: Server, pattern: string): Promise<Counts> {
  const response = await server.fetch(`/stream/${pattern}`, { method: "DELETE" });
  return JSON.parse((await response.text()).trimEnd().split("\n").at(-1) ?? "") as Counts;
}

const namesOf = async (server: Server) => (await statuses(server)).map(({ name }) => name).sort();

test("all that can go of the runtime goes; after a restart runs what ran, and nothing that had ended", async () => {
  using home = tempDirectory();
  const directory = join(home.path, "store");
  {
    await using server = await startServer(directory);
    const replaced = await spawn(server, "handler", "echo", ECHO);
    await spawn(server, "handler", "echo", ECHO);
    await answered(server, replaced, "replaced");
    const failing = await spawn(server, "handler", "failing", FAILS);
    await say(server, "bad");
    await answered(server, failing, "failed");
    const ended = await spawn(server, "handler", "ended", ECHO);
    await terminate(server, "handler", "ended");
    await answered(server, ended, "terminated");
    const stopped = await spawn(server, "handler", "stopped", ECHO);
    await say(server, "stream.cross.handler.terminate", { topic: "stopped", keep: true });
    await answered(server, stopped, "stopped");
    await sayMany(server, "n", 3);
    await countOf(server, "echo.out", 3);
    // The end of a spawn that is there stays: without it the handler would run again.
    expect((await forget(server, "stream.cross.handler.failed")).kept).toBe(1);
    const { frames, kept } = await forget(server, "stream.cross.*");
    expect(frames).toBeGreaterThan(4);
    expect(kept).toBeGreaterThan(1);
    const spawns = await framesOf(server, "stream.cross.handler.spawn");
    expect(spawns.map(({ meta }) => meta.topic)).toEqual(["echo", "stopped"]);
    expect(await framesOf(server, "stream.cross.handler.failed")).toEqual([]);
    await sayMany(server, "n", 1, 3);
    await countOf(server, "echo.out", 4);
    expect(await server.stop("SIGTERM")).toBe(0);
  }
  await expectSound(directory);
  await using server = await startServer(directory);
  await until("the handler to run", async () => (await namesOf(server)).join() === "echo");
  await sayMany(server, "n", 1, 4);
  const out = await countOf(server, "echo.out", 5);
  expect(out.map(({ meta }) => meta.n)).toEqual([0, 1, 2, 3, 4]);
  const all = await (await server.fetch("/ps?all")).text();
  expect(
    all
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).name)
      .sort(),
  ).toEqual(["echo", "stopped"]);
});

test("a rule takes what a handler has not read, and the handler goes on with what is there", () =>
  serving(async (server) => {
    await sayMany(server, "n", 50);
    await server.fetch("/-/keep/n?count=2", { method: "PUT" });
    await until("the rule was applied", async () => (await framesOf(server, "n")).length === 2);
    await spawn(server, "handler", "echo", ECHO, { start: "first" });
    await sayMany(server, "n", 2, 50);
    await until("the handler to have read all", async () => {
      return (await framesOf(server, "echo.out")).at(-1)?.meta.n === 51;
    });
    const seen = (await framesOf(server, "echo.out")).map(({ meta }) => meta.n);
    expect(seen).toEqual([48, 49, 50, 51].slice(-seen.length));
  }));

test("chunks that grow stay, whatever is asked, and readers get the whole", () =>
  serving(async (server) => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const sent = server.fetch("/stream/log?chunked=lines", { method: "POST", body: readable });
    void writer.write(Buffer.from("one\ntwo\n"));
    await until("two chunks", async () => (await framesOf(server, "log")).length === 2);
    await say(server, "log");
    await server.fetch("/-/keep/log?count=1", { method: "PUT" });
    expect(await forget(server, "log")).toMatchObject({ frames: 1, kept: 2 });
    const [first] = await framesOf(server, "log");
    void writer.write(Buffer.from("three\n"));
    await until("three chunks", async () => (await framesOf(server, "log")).length === 3);
    const content = server.fetch(`/${first?.id}/content`).then((response) => response.text());
    await writer.close();
    expect((await sent).status).toBe(200);
    expect(await content).toStartWith("one\n");
    await until("the rule takes the old chunks", async () => {
      return (await framesOf(server, "log")).length === 1;
    });
  }));
