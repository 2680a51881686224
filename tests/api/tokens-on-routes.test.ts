// For each route and each kind of token: what it sees and writes is what it names.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { ROUTES } from "../../src/api/routes.ts";
import type { Frame } from "../../src/core/frame.ts";
import { hashOf } from "../../src/core/hash.ts";
import { parseLines } from "../support/server.ts";
import { Exposed } from "../support/tokens.ts";
import { LineReader, TEST_MS, until, within } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

test("every route says what it needs of a token", () => {
  const silent = ROUTES.filter(({ need }) => need === undefined);
  expect(silent.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
});

/** The kinds of tokens, with the options that make them. */
const KINDS = {
  reads: ["--read", "open.*"],
  "reads *": ["--read", "*"],
  appends: ["--append", "open.*"],
  keys: ["--keys", "open/"],
  most: ["--read", "*", "--append", "*", "--keys", "o"],
  all: ["--read", "*", "--append", "*", "--keys", "", "--all"],
} as const;
type Kind = keyof typeof KINDS;
const kinds = Object.keys(KINDS) as Kind[];

/** The requests of a route, each with the kinds that it is for; the others get 403. */
const REQUESTS: Record<string, [request: string, kinds: string, init?: RequestInit][]> = {
  "GET /": [["/", "reads,reads *,most,all"]],
  "POST /stream": [
    ["/stream", "appends,most,all", { body: '{"topic":"open.a"}\n' }],
    ["/stream", "most,all", { body: '{"topic":"open.a"}\n{"topic":"closed"}\n' }],
    ["/stream", "all", { body: '{"topic":"open.send"}\n' }],
    ["/stream", "most,all", { body: '{"topic":"closed","at":"2020-01-01"}\n' }],
    ["/stream", "all", { body: '{"topic":"open.a","hash":"HASH"}\n' }],
  ],
  "GET /stream/:topic": [
    ["/stream/open.a", "reads,reads *,most,all"],
    ["/stream/closed", "reads *,most,all"],
    ["/stream/open.a,closed", "reads *,most,all"],
    ["/stream/stream.cross.*", "all"],
    ["/stream/stream.cross.start", "all"],
  ],
  "POST /stream/:topic": [
    ["/stream/open.a", "appends,most,all", { body: "x" }],
    ["/stream/open", "most,all", { body: "x" }],
    ["/stream/open.a?at=2020-01-01", "appends,most,all", { body: "x" }],
    ["/stream/closed?at=2020-01-01", "most,all", { body: "x" }],
    ["/stream/closed", "most,all", { body: "x" }],
    ["/stream/open.send", "all", { body: "x" }],
    ["/stream/stream.cross.handler.terminate", "all", { body: "x" }],
  ],
  "POST /append/:topic": [
    ["/append/open.a", "appends,most,all", { body: "x" }],
    ["/append/closed", "most,all", { body: "x" }],
  ],
  "POST /:topic": [
    ["/open.a", "appends,most,all", { body: "x" }],
    ["/closed", "most,all", { body: "x" }],
  ],
  "GET /first": [["/first", "reads,reads *,most,all"]],
  "GET /first/:topic": [
    ["/first/open.*", "reads,reads *,most,all"],
    ["/first/closed", "reads *,most,all"],
    ["/first/stream.cross.start", "all"],
  ],
  "GET /last": [["/last", "reads,reads *,most,all"]],
  "GET /last/:topic": [
    ["/last/open.*", "reads,reads *,most,all"],
    ["/last/closed", "reads *,most,all"],
  ],
  "GET /:id": [["/OPEN", "reads,reads *,most,all"]],
  "DELETE /:id": [["/OPEN", ""]],
  "GET /:id/next": [
    ["/START/next", "reads,reads *,most,all"],
    ["/START/next?topic=closed", "reads *,most,all"],
  ],
  "GET /:id/previous": [
    ["/LAST/previous", "reads,reads *,most,all"],
    ["/LAST/previous?topic=closed", "reads *,most,all"],
  ],
  "GET /:id/content": [["/OPEN/content", "reads,reads *,most,all"]],
  "GET /:id/causes": [["/OPEN/causes", "reads,reads *,most,all"]],
  "GET /:id/effects": [["/OPEN/effects", "reads,reads *,most,all"]],
  "POST /cas": [["/cas", "all", { body: "x" }]],
  "GET /cas/:hash+": [["/cas/HASH", "all"]],
  "GET /kv": [
    ["/kv", "keys,most,all"],
    ["/kv?prefix=open/a", "keys,most,all"],
    ["/kv?prefix=other", "most,all"],
    ["/kv?prefix=stream.cross.", "all"],
  ],
  "GET /kv/:key+": [
    ["/kv/open/a", "keys,most,all"],
    ["/kv/other", "most,all"],
  ],
  "PUT /kv/:key+": [
    ["/kv/open/a", "keys,most,all", { body: "x" }],
    ["/kv/other", "most,all", { body: "x" }],
    ["/kv/private", "all", { body: "x" }],
  ],
  "POST /kv/:key+": [
    ["/kv/open/a", "keys,most,all", { body: "x" }],
    ["/kv/other", "most,all", { body: "x" }],
  ],
  "DELETE /kv/:key+": [
    ["/kv/open/gone", "keys,most,all"],
    ["/kv/private-gone", "all"],
  ],
  "POST /import": [["/import", "", { body: "" }]],
  "GET /export": [["/export", ""]],
  "GET /verify": [["/verify", ""]],
  "POST /gc": [["/gc", ""]],
  "GET /ps": [
    ["/ps", "all"],
    ["/ps?all", "all"],
  ],
  "GET /metrics": [["/metrics", ""]],
  "GET /version": [["/version", kinds.join()]],
  "GET /health": [["/health", kinds.join()]],
  "GET /-/topics": [
    ["/-/topics", "reads,reads *,most,all"],
    ["/-/topics?topic=closed", "reads *,most,all"],
    ["/-/topics?topic=stream.cross.*", "all"],
  ],
  "GET /-/search": [
    ["/-/search?q=topic:*", "reads,reads *,most,all"],
    ["/-/search?q=-nothing&topic=closed", "reads *,most,all"],
    ["/-/search?q=cross&topic=stream.cross.*", "all"],
  ],
  "GET /-/histogram": [
    ["/-/histogram", "reads,reads *,most,all"],
    ["/-/histogram?topic=closed", "reads *,most,all"],
    ["/-/histogram?topic=stream.cross.*", "all"],
  ],
  "GET /-/info": [["/-/info", kinds.join()]],
  "GET /-/openapi.json": [["/-/openapi.json", kinds.join()]],
  "GET /-/scheduled": [["/-/scheduled", ""]],
  "DELETE /-/scheduled/:id": [["/-/scheduled/OPEN", ""]],
  "DELETE /stream/:topic": [
    ["/stream/open.*", ""],
    ["/stream/open.*?dry-run", ""],
  ],
  "GET /-/keep": [["/-/keep", ""]],
  "PUT /-/keep/:pattern": [["/-/keep/open.*?count=1", ""]],
  "POST /-/keep/:pattern": [["/-/keep/open.*?age=1s", ""]],
  "DELETE /-/keep/:pattern": [["/-/keep/open.*", ""]],
  "GET /-/nodes": [["/-/nodes", ""]],
  "DELETE /-/nodes/:name": [["/-/nodes/a", ""]],
  "GET /-/check": [["/-/check", ""]],
  "GET /-/tokens": [["/-/tokens", ""]],
  "POST /-/tokens": [["/-/tokens", "", { body: '{"name":"more","read":["*"]}' }]],
  "DELETE /-/tokens/:name": [["/-/tokens/reads", ""]],
};

describe("on a server", () => {
  let it: Exposed;
  const tokens = {} as Record<Kind, string>;
  const names: Record<string, string> = {};
  let fill: (text: string) => string;

  beforeAll(async () => {
    it = await Exposed.start();
    const { server } = it;
    const closed = await server.append("closed", "secret");
    const open = await server.append("open.a", "public");
    names.CLOSED = closed.id;
    names.OPEN = open.id;
    names.HASH = closed.hash ?? "";
    const [start] = await server.frames("/first/stream.cross.start?last=1");
    names.START = start?.id ?? "";
    names.LAST = (await server.append("closed", "more")).id;
    for (const key of ["open/a", "other", "private"]) {
      await server.fetch(`/kv/${key}`, { method: "PUT", body: "value" });
    }
    for (const kind of kinds) {
      tokens[kind] = await it.add(kind.replace(" *", "-all"), ...KINDS[kind]);
    }
    fill = (text) => text.replace(/\b[A-Z]{4,}\b/g, (name) => names[name] ?? name);
  });
  afterAll(() => it[Symbol.asyncDispose]());

  test("a request with a token succeeds exactly where the token is for it", async () => {
    const isTried = new Set<string>();
    for (const { method, path } of ROUTES) {
      const route = `${method} ${path}`;
      isTried.add(route);
      const requests = REQUESTS[route];
      if (!requests) throw new Error(`no request here tries ${route}`);
      for (const [asked, allowed, init] of requests) {
        for (const kind of kinds) {
          const request = `${method} ${fill(asked)}`;
          const body = init?.body && { body: fill(String(init.body)) };
          const outcome = await it.outcome(tokens[kind], request, { ...init, ...body });
          const isAllowed = allowed.split(",").includes(kind);
          const got = isAllowed && /^20[04]$/.test(outcome) ? "allowed" : outcome;
          expect([request, kind, got]).toEqual([
            request,
            kind,
            isAllowed ? "allowed" : "403 forbidden",
          ]);
          if (method !== "GET") continue;
          const head = await it.ask(tokens[kind], `HEAD ${fill(asked)}`);
          expect([request, kind, "HEAD", head.status]).toEqual([
            request,
            kind,
            "HEAD",
            isAllowed ? Number(outcome) : 403,
          ]);
        }
      }
    }
    expect([...isTried].sort()).toEqual(Object.keys(REQUESTS).sort());
  });

  test("no frame outside is seen by any read, by its id, beside another, or by its content", async () => {
    const topicsOf = async (kind: Kind, path: string) => {
      const response = await it.ask(tokens[kind], `GET ${fill(path)}`);
      expect([kind, path, response.status]).toEqual([kind, path, 200]);
      const topics = parseLines(await response.text()).map(({ topic }) => topic);
      return [...new Set(topics)].sort();
    };
    for (const path of [
      ...["/", "/?topic=*", "/?order=desc", "/?order=arrival", "/?from=START", "/?last=100"],
      ...["/?limit=100", "/?last-id=START", "/?since=1h", "/?wait=1", "/?content=inline"],
      ...["/first?last=100", "/last?last=100", "/stream/open.*", "/?topic=open.*,open.a"],
      ...["/START/next", "/LAST/previous", "/first", "/last", "/stream/*", "/last/*?last=9"],
    ]) {
      const topics = await topicsOf("reads", path);
      expect([path, topics.filter((topic) => !topic.startsWith("open."))]).toEqual([path, []]);
      expect([path, topics.length > 0]).toEqual([path, true]);
    }
    for (const path of ["/?last=100", "/", "/?order=desc", "/first?last=100", "/last?last=100"]) {
      const topics = await topicsOf("reads *", path);
      expect([path, topics.filter((topic) => topic.startsWith("stream."))]).toEqual([path, []]);
      expect([path, topics]).toEqual([path, expect.arrayContaining(["closed", "open.a"])]);
      expect(await topicsOf("all", path)).toContain("stream.cross.start");
    }
    for (const [kind, ids] of [
      ["reads", "CLOSED START"],
      ["reads *", "START"],
    ] as const) {
      for (const id of ids.split(" ")) {
        for (const path of ["", "/content", "?content=inline", "/causes", "/effects"]) {
          const request = fill(`GET /${id}${path}`);
          expect([kind, request, await it.outcome(tokens[kind], request)]).toEqual([
            kind,
            request,
            "404 not_found",
          ]);
        }
      }
    }
    // Exactly as for an id that was never there.
    const unknown = `${(names.CLOSED ?? "").slice(0, -1)}0`;
    const told = async (id: string) =>
      (await (await it.ask(tokens.reads, `GET /${id}`)).text()).replaceAll(id, "ID");
    expect(await told(names.CLOSED ?? "")).toBe(await told(unknown));
    const content = await it.ask(tokens.reads, fill("GET /OPEN/content"));
    expect(await content.text()).toBe("public");
  });

  test("causes and effects end at frames that the token does not read", async () => {
    const add = async (topic: string, ...causes: Frame[]) => {
      const [frame_id, request_id] = causes.map(({ id }) => id);
      return it.server.append(topic, "", { "xs-meta": JSON.stringify({ frame_id, request_id }) });
    };
    const root = await add("open.root");
    const hidden = await add("closed.step", root);
    const behind = await add("open.behind", hidden);
    const beside = await add("open.beside", root, hidden);
    const told = async (kind: Kind, path: string) => {
      const lines = parseLines(await (await it.ask(tokens[kind], `GET ${path}`)).text());
      return lines.map(({ topic }) => topic);
    };
    expect(await told("reads", `/${root.id}/effects`)).toEqual(["open.beside"]);
    expect(await told("reads", `/${beside.id}/causes`)).toEqual(["open.root"]);
    expect(await told("reads", `/${behind.id}/causes`)).toEqual([]);
    expect(await told("all", `/${root.id}/effects`)).toEqual([
      "closed.step",
      "open.beside",
      "open.behind",
    ]);
    const after = `GET /${root.id}/effects?after=${hidden.id}`;
    expect(await it.outcome(tokens.reads, after)).toBe("404 not_found");
    for (const direction of ["causes", "effects"]) {
      const request = `GET /${hidden.id}/${direction}`;
      expect(await it.outcome(tokens.reads, request)).toBe("404 not_found");
    }
  });

  test("what counts frames counts those that the token reads", async () => {
    const ids = async (kind: Kind, path: string) =>
      parseLines(await (await it.ask(tokens[kind], `GET ${path}`)).text()).map(({ id }) => id);
    for (const path of ["/?", "/?order=desc&", "/stream/*?", "/?since=1h&"]) {
      const all = await ids("reads *", path);
      expect(all.length).toBeGreaterThan(3);
      expect([path, await ids("reads *", `${path}limit=2`)]).toEqual([path, all.slice(0, 2)]);
      expect([path, await ids("reads *", `${path}limit=0`)]).toEqual([path, []]);
    }
    const all = await ids("reads *", "/");
    for (const last of [0, 1, 2, all.length, 1000]) {
      const newest = last === 0 ? [] : all.slice(-last);
      expect(await ids("reads *", `/?last=${last}`)).toEqual(newest);
      expect(await ids("reads *", `/last?last=${last}`)).toEqual(newest);
    }
    expect(await ids("reads *", `/?last=3&last-id=${all.at(-3)}`)).toEqual(all.slice(-2));
    expect(await ids("reads *", "/?last=3&limit=1")).toEqual(all.slice(-3, -2));
    expect(await ids("reads *", `/?wait=600000&last-id=${all.at(-2)}`)).toEqual(all.slice(-1));
    expect(await ids("reads *", `/?wait=1&last-id=${all.at(-1)}`)).toEqual([]);
    expect(await ids("reads *", "/first")).toEqual(all.slice(0, 1));
    expect(await ids("reads *", "/last")).toEqual(all.slice(-1));
  });

  test("a listing of keys has those of the token, and none of the runtime", async () => {
    const keys = async (kind: Kind, path: string) => {
      const text = await (await it.ask(tokens[kind], `GET ${path}`)).text();
      return text.split("\n").flatMap((line) => (line ? [JSON.parse(line).key as string] : []));
    };
    expect(await keys("keys", "/kv")).toEqual(["open/a"]);
    expect(await keys("keys", "/kv?prefix=ope")).toEqual(["open/a"]);
    expect(await keys("most", "/kv")).toEqual(["open/a", "other"]);
    expect(await keys("all", "/kv")).toEqual(["open/a", "other", "private"]);
  });

  test("a frame that a token appends carries its name, whatever the client says", async () => {
    const post = async (path: string, init: RequestInit = {}) => {
      const response = await it.ask(tokens.appends, `POST ${path}`, init);
      expect([path, response.status]).toEqual([path, 200]);
      return parseLines(await response.text()) as Frame[];
    };
    const meta = (value: unknown) => ({ headers: { "xs-meta": JSON.stringify(value) } });
    for (const [path, init, metas] of [
      ["/open.a", {}, [{ by: "appends" }]],
      ["/open.a", meta(null), [{ by: "appends" }]],
      ["/open.a", meta({ by: "owner", n: 1 }), [{ by: "appends", n: 1 }]],
      [
        "/stream",
        { body: '{"topic":"open.a","meta":{"by":null}}\n{"topic":"open.b"}\n' },
        [{ by: "appends" }, { by: "appends" }],
      ],
      [
        "/open.a?chunked=lines",
        { ...meta({ by: 1 }), body: "a\nb\n" },
        [expect.any(Object), expect.any(Object), expect.any(Object)],
      ],
    ] as const) {
      const frames = await post(path, init);
      expect([path, frames.map((frame) => frame.meta)]).toEqual([path, [...metas]] as never);
      for (const frame of frames) expect(frame.meta).toMatchObject({ by: "appends" });
      for (const frame of frames) {
        expect(await (await it.server.fetch(`/${frame.id}`)).json()).toEqual(frame);
      }
    }
    const exact = await it.ask(tokens.appends, "POST /open.a", {
      headers: { "xs-meta": '{"n":12345678901234567890,"f":1.0}' },
    });
    expect(await exact.text()).toContain(
      '"meta":{"n":12345678901234567890,"f":1.0,"by":"appends"}',
    );
    for (const value of [1, "text", [], true]) {
      expect(await it.outcome(tokens.appends, "POST /open.a", meta(value))).toBe("400 bad_meta");
    }
    const wrong = { body: '{"topic":"open.a","meta":1}\n' };
    expect(await it.outcome(tokens.appends, "POST /stream", wrong)).toBe("400 bad_meta");
    expect((await it.server.append("open.a", "x")).meta).toBeNull();
    const owner = await it.ask(it.owner, "POST /open.a", meta({ by: "me" }));
    expect(((await owner.json()) as Frame).meta).toEqual({ by: "me" });
  });

  test("a condition tells a token nothing of what it does not read, and keys of idempotency are its own", async () => {
    const expects = { headers: { "xs-expect-last": "none" } };
    expect(await it.outcome(tokens.appends, "POST /open.a", expects)).toBe("403 forbidden");
    expect(await it.outcome(tokens.most, "POST /open.a", expects)).toBe("409 expect_last_failed");
    const once = { headers: { "idempotency-key": "k" }, body: "x" };
    const first = await it.server.append("open.once", "x", { "idempotency-key": "k" });
    const frame = (await (await it.ask(tokens.appends, "POST /open.once", once)).json()) as Frame;
    expect(frame.id).not.toBe(first.id);
    expect(await (await it.ask(tokens.appends, "POST /open.once", once)).json()).toEqual(frame);
  });

  test("nobody has a part in content of topics to which it does not append", async () => {
    const chunk = { of: null, index: 0, more: true };
    const first = await it.server.append("closed.log", "one", {
      "xs-meta": JSON.stringify({ chunk }),
    });
    for (const [topic, token, more] of [
      ["open.a", tokens.appends, true],
      ["closed.log", it.owner, false],
    ] as const) {
      const meta = { chunk: { of: first.id, index: 1, more } };
      const headers = { "xs-meta": JSON.stringify(meta) };
      const body = more ? "forged" : "two";
      expect(await it.outcome(token, `POST /${topic}`, { headers, body })).toBe("200");
    }
    const whole = await it.server.fetch(`/${first.id}/content`);
    expect(await whole.text()).toBe("onetwo");
    expect(await it.outcome(tokens.reads, `GET /${first.id}/content`)).toBe("404 not_found");
    expect(hashOf(Buffer.from("one"))).toBe(first.hash ?? "");
  });

  test("a read that follows has what comes in its topics alone, each once, behind one threshold", async () => {
    const live = "open.live";
    const followed = async () => {
      const metrics = await (await it.server.fetch("/metrics")).text();
      return Number(/^xs_followers (\d+)$/m.exec(metrics)?.[1]);
    };
    // The server itself follows too.
    const own = await followed();
    const followers = (count: number) =>
      until(`${count} followers`, async () => (await followed()) === own + count);
    for (const [kind, path, before, wanted] of [
      ["reads", "/?follow&tail", 0, [live]],
      ["reads *", "/?follow&tail", 0, [live, "closed.live"]],
      ["reads *", "/?follow&last=0", 0, [live, "closed.live"]],
      ["reads *", "/?follow&last=2", 2, [live, "closed.live"]],
      ["reads *", "/last?follow", 1, [live, "closed.live"]],
      ["reads *", "/?wait=600000&tail", 0, [live]],
      ["reads *", "/?follow&tail&limit=1", 0, [live]],
    ] as const) {
      await followers(0);
      // The head of a response comes with its first line.
      const asked = it.ask(tokens[kind], `GET ${path}`);
      const isWaiting = path.includes("wait");
      const reader = isWaiting ? undefined : new LineReader((await asked).body);
      if (reader) {
        const history = await reader.through((line) => line.includes("stream.cross.threshold"));
        expect([path, history.length - 1]).toEqual([path, before]);
      } else {
        await followers(1);
      }
      // The runtime answers this one: such frames come between the others.
      const spawn = { "xs-meta": '{"topic":"nothing","wrong":1}' };
      const { id } = await it.server.append("stream.cross.generator.spawn", "", spawn);
      await until("the runtime answers", async () => {
        const frames = await it.server.frames("/stream/stream.cross.generator.invalid");
        return frames.some(({ meta }) => JSON.stringify(meta).includes(id));
      });
      for (const topic of [live, "closed.live"]) await it.server.append(topic, "x");
      const follower = reader ?? new LineReader((await asked).body);
      const lines = await follower.take(wanted.length);
      const got = lines.map((line) => (JSON.parse(line) as Frame).topic);
      expect([kind, path, got]).toEqual([kind, path, [...wanted]]);
      if (isWaiting || path.includes("limit")) expect(await follower.rest()).toEqual([]);
      await follower.cancel();
    }
  });

  test("an append for another time is checked and stamped as any other", async () => {
    const past = { headers: { "xs-meta": "{}" } };
    const late = await it.ask(tokens.appends, "POST /open.a?at=2020-01-01T00:00Z", past);
    expect(((await late.json()) as Frame).meta).toEqual({ by: "appends" });
    const closed = "POST /closed?at=2020-01-01T00:00Z";
    expect(await it.outcome(tokens.appends, closed)).toBe("403 forbidden");
    const soon = new Date(Date.now() + 1500).toISOString();
    const later = await it.ask(tokens.appends, `POST /open.due?at=${soon}`, { body: "x" });
    expect(later.status).toBe(202);
    const due = await until(
      "it is due",
      async () => (await it.server.frames("/stream/open.due"))[0],
    );
    expect(due.meta).toEqual({ by: "appends" });
    const line = { body: `{"topic":"closed","at":"${soon}"}\n` };
    expect(await it.outcome(tokens.appends, "POST /stream", line)).toBe("403 forbidden");
  });

  test("chunked content is read by who reads its topic, also while it grows, and breaks off with the token", async () => {
    const token = await it.add("content", "--read", "open.*");
    const sent = new TransformStream<Uint8Array, Uint8Array>();
    const writer = sent.writable.getWriter();
    const upload = it.ask(it.owner, "POST /open.log?chunked=lines", { body: sent.readable });
    await writer.write(Buffer.from("one\n"));
    const first = await until("the first chunk", async () => {
      const [frame] = await it.server.frames("/last/open.log?last=1");
      return frame;
    });
    const growing = await it.ask(token, `GET /${first.id}/content`);
    const reader = growing.body?.getReader();
    const part = await within("the first chunk", reader?.read() ?? Promise.reject());
    expect(new TextDecoder().decode(part.value)).toBe("one\n");
    expect(await it.outcome(tokens.appends, `GET /${first.id}/content`)).toBe("403 forbidden");
    await it.home.ok(["token", "rm", it.home.store, "content"]);
    const end = within("the end", reader?.read() ?? Promise.reject()).then(
      () => "whole",
      () => "broken off",
    );
    expect(await end).toBe("broken off");
    await writer.close();
    await (await upload).text();
    const whole = await it.ask(tokens.reads, `GET /${first.id}/content`);
    expect(await whole.text()).toBe("one\n");
  });
});
