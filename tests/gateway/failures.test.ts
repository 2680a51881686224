import { expect, setDefaultTimeout, test } from "bun:test";
import { TEST_MS, until } from "../support/wait.ts";
import { Site } from "./site.ts";

setDefaultTimeout(TEST_MS);

/** An answer that takes so long would be no answer: every test would fail of its own deadline. */
const PATIENT = ["--http-timeout", "600000"];

const web = (body: string, options = "") => `export default {
  topics: ["http.request"], ${options}
  async run(frame, state, xs) {
    if (frame.meta.path === "/ok") return { response: { body: "fine" } };
    ${body}
  },
}`;

/** Ways to fail on a request, by the runtime. */
const FAILING: Record<string, [script: string, reason: string]> = {
  ts: [web('throw new Error("secret of the inside");'), "secret of the inside"],
  "ts, nothing thrown": [web("throw undefined;"), "it threw undefined"],
  "ts, a response that is none": [web("return { response: { satus: 404 } };"), '"satus"'],
  "ts, no JSON": [web("return { response: { body: { m: new Map() } } };"), "m is a Map"],
  "ts, several at once": [web('throw new Error("secret");', "concurrency: 4,"), "secret"],
  "ts, the process dies": [web("process.exit(3);"), "three times in a row"],
  nu: [
    `{ topics: ["http.request"], run: {|frame|
      if $frame.meta.path == "/ok" { return { response: { body: "fine" } } }
      error make { msg: "secret of nu" }
    } }`,
    "secret of nu",
  ],
  "nu, a response that is none": [
    `{ topics: ["http.request"], run: {|frame|
      if $frame.meta.path == "/ok" { return { response: { body: "fine" } } }
      { response: { satus: 404 } }
    } }`,
    "satus",
  ],
};

test.each(Object.entries(FAILING))(
  "a handler that fails on a request goes on, and its client is told at once: %s",
  async (_, [script, reason]) => {
    await using site = await Site.open(PATIENT);
    const handler = await site.spawn("web", script);
    expect((await site.curl("/ok")).text).toBe("fine");
    const page = await site.curl("/bad");
    expect(page.status).toBe(500);
    expect(page.text).not.toContain("secret");
    expect(page.text).not.toContain(reason);
    const json = await site.curl("/bad", "-H", "accept: application/json");
    expect(JSON.parse(json.text)).toMatchObject({ status: 500, code: "handler_failed" });
    expect((await site.curl("/ok")).text).toBe("fine");
    const requests = (await site.frames("http.request")).filter(
      ({ meta }) => (meta as { path: string }).path === "/bad",
    );
    const errors = await site.frames("web.error");
    expect(errors).toHaveLength(2);
    expect(errors[0]?.ttl).toBe("time:604800000");
    expect(errors[0]?.meta).toMatchObject({
      handler_id: handler,
      frame_id: requests[0]?.id as string,
      reason: expect.stringContaining(reason),
    });
    const told = await until("both errors", async () => {
      const frames = await site.frames("http.error");
      return frames.length === 2 && frames;
    });
    expect(told[0]?.ttl).toBe("last:1000");
    const { reason: said } = (told[0]?.meta ?? {}) as { reason?: string };
    expect(said).toMatch(/^web: /);
    expect(said).toContain(reason);
    expect(told[0]?.meta).toMatchObject({
      request_id: requests[0]?.id as string,
      status: 500,
      code: "handler_failed",
    });
    expect(await site.server.stop("SIGTERM")).toBe(0);
    const lines = (await site.server.stderr).split("\n").filter((line) => line.startsWith("xs: "));
    expect(lines[0]).toMatch(/^xs: handler web failed on a frame and goes on: /);
    expect(lines[0]).toContain(reason);
  },
);

test("a failure on one of many requests takes nothing of the others, also in a batch: nushell", async () => {
  await using site = await Site.open(PATIENT);
  const [script = ""] = FAILING["nu, a response that is none"] ?? [];
  await site.spawn("web", script);
  const pages = await Promise.all(
    Array.from({ length: 30 }, (_, n) => site.curl(n % 7 === 3 ? "/bad" : "/ok")),
  );
  expect(pages.map(({ status }) => status)).toEqual(pages.map((_, n) => (n % 7 === 3 ? 500 : 200)));
});

/** What a request may make a program write that the store, or the protocol, does not take. */
const NU_ECHO = `{
  topics: ["http.request"], initial: 0
  run: {|frame, state|
    let body = (.cas $frame.hash | into string)
    match $frame.meta.path {
      "/out" => { { out: ($body | from json), response: { body: "ok" } } }
      "/next" => { { next: ($body | from json), response: { body: "ok" } } }
      "/large" => { { next: ("" | fill --width 1100000 --character x), response: { body: "ok" } } }
      "/closure" => { { next: { f: {|| 1 } }, response: { body: "ok" } } }
      _ => { { response: { body: $"($state)" }, next: ($state + 1) } }
    }
  }
}`;

test("what one request makes a program write ends no site, and nothing of it stays", async () => {
  await using site = await Site.open(PATIENT);
  await site.spawn("web", NU_ECHO);
  const deep = "[".repeat(200) + "]".repeat(200);
  const bad = [
    ["/out", deep],
    ["/next", deep],
    ["/large", "x"],
    ["/closure", "x"],
  ] as const;
  for (const [n, [path, body]] of bad.entries()) {
    const [page, other] = await Promise.all([
      site.curl(path, "-d", body),
      // Beside it, in the same batch or not.
      site.curl("/", "-d", "x"),
    ]);
    expect([path, page.status, other.text]).toEqual([path, 500, String(n)]);
  }
  expect(await site.frames("web.error")).toHaveLength(bad.length);
  expect(await site.frames("web.out")).toEqual([]);
  expect(await site.frames("stream.cross.handler.failed")).toEqual([]);
});

test.skipIf(!Bun.which("python3"))(
  "garbage on the output of a program ends no site where a request made it write that",
  async () => {
    await using site = await Site.open(PATIENT);
    await site.spawn(
      "web",
      `#!/usr/bin/env python3
import json, sys
def say(line):
    print(json.dumps(line), flush=True)
say({"ready": {"topics": ["http.request", "note"]}})
for line in sys.stdin:
    frame = json.loads(line)
    if frame["topic"] == "note" or frame["meta"]["path"] == "/bad": print("Traceback", flush=True)
    else: say({"response": {"body": "fine"}, "done": frame["id"]})
`,
    );
    const pages = await Promise.all(
      Array.from({ length: 9 }, (_, n) => site.curl(n % 3 === 1 ? "/bad" : "/ok")),
    );
    expect(pages.map(({ status }) => status)).toEqual(
      pages.map((_, n) => (n % 3 === 1 ? 500 : 200)),
    );
    expect((await site.frames("web.error"))[0]?.meta).toMatchObject({
      reason: expect.stringContaining("Traceback"),
    });
    // With what is no request it is as ever.
    await site.server.append("note", "");
    await until("it has failed", async () => (await site.frames("stream.cross.handler.failed"))[0]);
  },
);

test("a failure on a request that is not kept is told all the same", async () => {
  await using site = await Site.open([...PATIENT, "--http-ttl", "ephemeral"]);
  await site.spawn("web", web('throw new Error("boom");'));
  expect((await site.curl("/bad")).status).toBe(500);
  expect((await site.curl("/ok")).text).toBe("fine");
  expect((await site.frames("web.error"))[0]?.ttl).toBe("time:604800000");
});

test("a client is told when every handler that took its request has failed, not before", async () => {
  await using site = await Site.open(PATIENT);
  await site.spawn("one", web('throw new Error("one cannot");'));
  // It answers what the other cannot.
  await site.spawn(
    "two",
    `export default { topics: ["http.request"], async run(frame) {
      await Bun.sleep(100);
      if (frame.meta.path === "/both") throw new Error("two cannot");
      if (frame.meta.path !== "/ok") return { response: { body: "two" } };
    } }`,
  );
  expect((await site.curl("/bad")).text).toBe("two");
  expect((await site.curl("/both")).status).toBe(500);
  const [error] = await until("the error", async () => {
    const frames = await site.frames("http.error");
    return frames.length > 0 && frames;
  });
  const { reason } = (error?.meta ?? {}) as { reason?: string };
  expect(reason).toContain("one: one cannot");
  expect(reason).toContain("two: two cannot");
});

test("a handler that is asked to fail ends with the first, and the page says so, also later", async () => {
  const options = 'on_error: "fail",';
  await using site = await Site.open(PATIENT);
  await site.spawn("web", web('throw new Error("boom\\u001b[2J\\nat night");', options));
  expect((await site.curl("/bad")).status).toBe(500);
  const [failed] = await site.frames("stream.cross.handler.failed");
  expect(failed?.meta).toMatchObject({ topic: "web" });
  const page = await site.curl("/ok");
  expect(page.status).toBe(503);
  expect(page.text).toContain("the handler of this site has failed");
  expect(page.text).toContain("xs ps");
  expect(page.text).toContain("xs last stream.cross.handler.failed");
  for (const inside of ["boom", "web", "export default"]) expect(page.text).not.toContain(inside);
  // One that comes in its place is what counts.
  const spawned = await site.spawn("web", web("return { response: { body: 'new' } };"));
  expect((await site.curl("/x")).text).toBe("new");
  await site.server.append("stream.cross.handler.terminate", "", { "xs-meta": '{"topic":"web"}' });
  await until("it is terminated", async () =>
    (await site.frames("stream.cross.handler.terminated")).some(
      ({ meta }) => (meta as { spawn_id: string }).spawn_id === spawned,
    ),
  );
  expect((await site.curl("/ok")).text).toContain("nobody answers here yet");
  expect(await site.server.stop("SIGTERM")).toBe(0);
  const lines = (await site.server.stderr).split("\n").filter((line) => line.startsWith("xs: "));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("handler web has failed and runs no more: boom\\u{1b}[2J at night");
});

test("after a start the page still says that the handler has failed", async () => {
  await using home = await Site.open(PATIENT);
  const { directory } = home.server;
  await home.spawn("web", web('throw new Error("boom");', 'on_error: "fail",'));
  expect((await home.curl("/bad")).status).toBe(500);
  await until(
    "it has failed",
    async () => (await home.frames("stream.cross.handler.failed")).length,
  );
  await home.server.stop("SIGKILL");
  await using site = await Site.open(PATIENT, ":0", directory);
  expect((await site.curl("/")).text).toContain("the handler of this site has failed");
});

test("requests that wait for a handler which ends are refused at once", async () => {
  await using site = await Site.open(PATIENT);
  await site.spawn(
    "web",
    `export default { topics: ["http.request"], on_error: "fail", async run(frame) {
      await Bun.sleep(300);
      throw new Error("boom");
    } }`,
  );
  const pages = await Promise.all(Array.from({ length: 5 }, (_, n) => site.curl(`/${n}`)));
  expect(pages.map(({ status }) => status).sort()).toEqual([500, 503, 503, 503, 503]);
  const waits = `export default { topics: ["http.request"], run: () => new Promise(() => {}) }`;
  await site.spawn("web", waits);
  const waiting = site.curl("/waits");
  await until("the request", async () => (await site.frames("http.request")).length === 6);
  await site.server.append("stream.cross.handler.terminate", "", { "xs-meta": '{"topic":"web"}' });
  expect((await waiting).status).toBe(503);
});

test("an answer of somebody else counts, whatever handlers do after it", async () => {
  await using site = await Site.open(PATIENT);
  await site.spawn(
    "web",
    `export default { topics: ["http.request"], async run(frame, _, xs) {
      while (!(await xs.kv.get("go"))) await Bun.sleep(10);
      throw new Error("late");
    } }`,
  );
  await using _responder = await site.answer(async (_, send) => {
    await send("one ", { more: true });
    await site.server.fetch("/kv/go", { method: "PUT", body: "yes" });
    await until("the error", async () => (await site.frames("web.error")).length > 0);
    await send("two");
  });
  expect((await site.curl("/")).text).toBe("one two");
});

test("what is no request still ends a handler that fails on it", async () => {
  await using site = await Site.open(PATIENT);
  const id = await site.spawn("all", 'export default { run() { throw new Error("boom"); } }', {
    topics: ["http.request", "note"],
  });
  expect((await site.curl("/")).status).toBe(500);
  await site.server.append("note", "");
  const failed = await until("it has failed", async () =>
    (await site.frames("stream.cross.handler.failed")).find(
      ({ meta }) => (meta as { spawn_id: string }).spawn_id === id,
    ),
  );
  expect(failed.meta).toMatchObject({ reason: expect.stringContaining("boom") });
});

/** A program that says what the order of the protocol forbids, or more than it should, as a path asks it to. */
const DISORDERLY = (options: string) => `#!/usr/bin/env python3
import json, sys

def say(*lines):
    print("\\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines), flush=True)

say({"ready": {"topics": ["http.request", "n"]${options}}})
for line in sys.stdin:
    frame = json.loads(line)
    if "topic" not in frame:
        continue
    id = frame["id"]
    path = frame["meta"]["path"]
    answer = {"response": {"body": "fine"}, "done": id} if frame["topic"] == "http.request" else {"done": id}
    if path == "/twice":
        say(answer, {"done": id})
    elif path == "/after":
        say(answer, "what")
    elif path == "/later":
        say({"done": "03zzzzzzzzzzzzzzzzzzzzzzz"})
    elif path == "/earlier":
        say({"error": "oh", "frame_id": "0" * 25})
    else:
        say(answer)
`;

test.each(["", ', "concurrency": 3'])(
  "a program that a request makes break the order of the protocol ends no site%s",
  async (options) => {
    await using site = await Site.open(PATIENT);
    const handler = await site.spawn("web", DISORDERLY(options));
    for (const [path, status, reason] of [
      ["/twice", 200, "which it had done before"],
      ["/after", 200, "no line of the protocol"],
      ["/later", 500, "which it was not given"],
      ["/earlier", 500, "which it had done before"],
    ] as const) {
      expect([path, (await site.curl(path)).status]).toEqual([path, status]);
      expect([path, (await site.curl("/ok")).text]).toEqual([path, "fine"]);
      // It was done, and answered: whether that one made it is not known where another has come.
      if (status === 200) continue;
      const requests = (await site.frames("http.request")).filter(
        ({ meta }) => (meta as { path: string }).path === path,
      );
      const error = await until(`the error of ${path}`, async () =>
        (await site.frames("web.error")).find(
          ({ meta }) => (meta as { frame_id: string }).frame_id === requests[0]?.id,
        ),
      );
      expect((error.meta as { reason: string }).reason).toContain(reason);
    }
    // Whatever is no request ends it, as ever.
    for (const path of ["/ok", "/twice"])
      await site.server.append("n", "", { "xs-meta": JSON.stringify({ path }) });
    const failed = await until("it has failed", async () =>
      (await site.frames("stream.cross.handler.failed")).at(0),
    );
    expect((failed.meta as { spawn_id: string }).spawn_id).toBe(handler);
  },
);
