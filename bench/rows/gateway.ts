import type { Frame } from "../../src/core/frame.ts";
import { rssAnon } from "../memory.ts";
import {
  compile,
  freePort,
  job,
  type Server,
  serveNothing,
  serveStore,
  type WrkResult,
  wrk,
} from "../processes.ts";
import type { Group } from "../setup.ts";
import { inTurn, median } from "../statistics.ts";
import type { Row } from "../table.ts";

const HELLO = `export default { topics: ["http.request"], run: () => ({ response: { body: "hello\\n" } }) }`;

// Each event is two lines, and before the first there is one.
const SSE = `export default { topics: ["http.request", "note"], initial: [],
  async run(frame, open, xs) {
    if (frame.topic === "http.request") {
      await xs.respond(frame, { headers: { "content-type": "text/event-stream" }, body: "\\n", more: true });
      return { next: [...open, frame.id] };
    }
    for (const id of open) await xs.respond(id, { body: "data: " + frame.id + "\\n\\n", more: true });
  } }`;

/** The gateway with a handler in TypeScript, asked by wrk. */
export const hello: Group = {
  name: "hello",
  async run(setup) {
    const ports = { xs: freePort(), ok: freePort(), node: freePort() };
    const server = await serveStore(setup.fresh(), "--http", `:${ports.xs}`);
    const nothing = await serveNothing(setup.nothing, setup.fresh(), `${ports.ok}`);
    const program = await compile("bench/floors/node-http.ts", setup.fresh());
    const node = await serveNothing(program, setup.fresh(), `${ports.node}`);
    await spawn(server, "hello", HELLO);
    const seconds = setup.quick ? 2 : 5;
    await wrk(ports.xs, seconds);
    const runs: Record<"xs" | "ok", WrkResult[]> = { xs: [], ok: [] };
    const run = async (name: "xs" | "ok") => {
      const result = await wrk(ports[name], seconds);
      runs[name].push(result);
      return result.perSecond;
    };
    const [value, floor] = await inTurn(
      setup.rounds,
      () => run("xs"),
      () => run("ok"),
    );
    const [again, nodeHttp] = await inTurn(
      setup.rounds,
      () => run("xs"),
      async () => (await wrk(ports.node, seconds)).perSecond,
    );
    await nothing.stop();
    await node.stop();
    const first = rssAnon(server.pid);
    const requests = setup.count(200_000);
    let done = 0;
    while (done < requests) done += (await wrk(ports.xs, seconds)).requests;
    const memory = rssAnon(server.pid);
    await server.stop();
    const name = 'gateway: `ts` handler says "hello", `wrk`, 64 connections';
    const p99 = (results: readonly WrkResult[]) => median(results.map((result) => result.p99));
    return [
      {
        name,
        unit: "/s",
        value,
        floorName: '`Bun.serve` that answers "ok" over TCP',
        floor,
        least: 0.12,
      },
      {
        name: "the same",
        unit: "/s",
        value: again,
        floorName: "`node:http` of Bun that answers alone, from memory",
        floor: nodeHttp,
      },
      {
        name: "the same, p99",
        unit: "ms",
        value: p99(runs.xs),
        floorName: '`Bun.serve` that answers "ok" over TCP',
        floor: p99(runs.ok),
        limit: 100,
      },
      {
        name: `the same, memory of the server after ${requests.toLocaleString("en-US")} requests more`,
        unit: "MB",
        value: memory,
        floorName: "before them",
        floor: first,
        most: 1.25,
      },
    ];
  },
};

/** One handler that feeds many open responses. */
export const sse: Group = {
  name: "sse",
  async run(setup) {
    const many = 1000;
    const appends = setup.count(100);
    const directory = setup.fresh();
    const http = `${directory}.http`;
    const server = await serveStore(directory, "--http", http);
    await spawn(server, "sse", SSE);
    const { unix, pid } = server;
    const input = { followers: many, appends };
    const at = { unix: http, path: "/events" };
    const xs = await job("followers", { unix, pid, ...input, at, lines: 2 });
    await server.stop();
    const floor = await job("sqlite", {
      file: setup.fresh(),
      count: many * appends,
      batch: many,
    });
    const nothing = await serveNothing(setup.nothing, setup.fresh());
    const bare = await job("followers", { unix: nothing.unix, pid: nothing.pid, ...input });
    await nothing.stop();
    const name = `gateway: one handler feeds ${many.toLocaleString("en-US")} open responses`;
    const rows: Row[] = [
      {
        name: `${name}, events delivered`,
        unit: "/s",
        value: xs.deliveriesPerSecond,
        floorName: "SQLite, 1,000 frames a commit: each is one",
        floor,
      },
      {
        name: `${name}, memory of the server`,
        unit: "MB",
        value: xs.rssAnonMB,
        floorName: "`Bun.serve` that passes a line on",
        floor: bare.rssAnonMB,
      },
    ];
    return rows;
  },
};

/** Starts a handler, and waits until it is active. */
async function spawn({ unix }: Server, name: string, script: string): Promise<void> {
  const topic = "stream.cross.handler.spawn";
  const headers = { "xs-meta": JSON.stringify({ topic: name }) };
  const init = { unix, method: "POST", body: script, headers };
  const { id } = (await (await fetch(`http://localhost/${topic}`, init)).json()) as Frame;
  const answers = await fetch(
    `http://localhost/?last-id=${id}&topic=stream.cross.handler.*&follow&limit=1`,
    { unix },
  );
  const line = (await answers.text()).split("\n").find((text) => text.includes("handler."));
  if (!line?.includes("handler.active")) throw new Error(line);
}
