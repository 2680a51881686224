import { expect, setDefaultTimeout, test } from "bun:test";
import { dirname } from "node:path";
import { XS } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { type Request, Site } from "./site.ts";

setDefaultTimeout(TEST_MS);

const TS = `export default {
  topics: ["http.request"],
  async run(frame, _, xs) {
    const { path } = frame.meta;
    if (path === "/bytes") return { response: { body: await xs.cas(frame.hash) } };
    if (path === "/json") return { response: { body: { n: 1, of: ["ü"] } } };
    if (path === "/none") return { response: { status: 204 } };
    if (path === "/parts") {
      await xs.respond(frame, { status: 203, headers: { "x-a": "b" }, body: "one ", more: true });
      await xs.respond(frame.id, { body: new Uint8Array([0, 255]), more: true });
      return xs.respond(frame, {});
    }
    return { response: { status: 201, headers: { "x-a": "b", "set-cookie": ["c=1", "d=2"] }, body: path } };
  },
}`;

const NU = `{
  topics: ["http.request"]
  run: {|frame|
    match $frame.meta.path {
      "/bytes" => { { response: { body: (.cas $frame.hash | into binary) } } }
      "/json" => { { response: { body: { n: 1, of: ["ü"] } } } }
      "/none" => { { response: { status: 204 } } }
      "/parts" => {
        "one " | .respond $frame --status 203 --headers { "x-a": "b" } --more
        0x[00 ff] | .respond $frame.id --more
        .respond $frame
      }
      _ => { { response: { status: 201, headers: { "x-a": "b", set-cookie: ["c=1" "d=2"] }, body: $frame.meta.path } } }
    }
  }
}`;

const PYTHON = `#!/usr/bin/env python3
import base64, json, os, subprocess, sys

def say(line):
    print(json.dumps(line), flush=True)

say({"ready": {"topics": ["http.request"]}})
for line in sys.stdin:
    frame = json.loads(line)
    path = frame["meta"]["path"]
    answer = {"status": 201, "headers": {"x-a": "b", "set-cookie": ["c=1", "d=2"]}, "body": path}
    if path == "/bytes":
        content = subprocess.run(["xs", "cas", frame["hash"]], capture_output=True, check=True).stdout
        answer = {"body_base64": base64.b64encode(content).decode()}
    elif path == "/json":
        answer = {"body": {"n": 1, "of": ["ü"]}}
    elif path == "/none":
        answer = {"status": 204}
    elif path == "/parts":
        meta = {"request_id": frame["id"]}
        say({"append": {"topic": "http.response", "meta": {**meta, "status": 203, "headers": {"x-a": "b"}, "more": True}, "content": "one "}})
        say({"append": {"topic": "http.response", "meta": {**meta, "more": True}, "base64": "AP8="}})
        answer = {}
    if path == "/parts":
        say({"append": {"topic": "http.response", "meta": meta}, "done": frame["id"]})
    else:
        say({"response": answer, "done": frame["id"]})
`;

const RUNTIMES = { ts: TS, nu: NU, exec: PYTHON };

for (const [runtime, script] of Object.entries(RUNTIMES)) {
  // Where there is no Python, the other two show the same.
  const run = runtime === "exec" ? test.skipIf(!Bun.which("python3")) : test;
  run(`a handler answers by what it returns: ${runtime}`, async () => {
    await using site = await Site.open(["--http-ttl", "time:1000000"]);
    const handler = await site.spawn("web", script);
    const page = await site.curl("/a%20b");
    expect([page.status, page.text, page.headers["x-a"], page.headers["set-cookie"]]).toEqual([
      201,
      "/a b",
      "b",
      "c=1\nd=2",
    ]);
    using home = tempDirectory();
    const bytes = Uint8Array.from({ length: 100_000 }, (_, n) => (n * n) >> 3);
    await Bun.write(`${home.path}/body`, bytes);
    const binary = await site.curl("/bytes", "--data-binary", `@${home.path}/body`);
    expect(binary.headers["content-type"]).toBe("application/octet-stream");
    expect(Buffer.compare(binary.bytes, bytes)).toBe(0);
    const json = await site.curl("/json");
    expect(json.headers["content-type"]).toBe("application/json");
    expect(JSON.parse(json.text)).toEqual({ n: 1, of: ["ü"] });
    expect((await site.curl("/none")).status).toBe(204);
    const parts = await site.curl("/parts");
    expect([parts.status, parts.headers["x-a"]]).toEqual([203, "b"]);
    expect(Buffer.from(parts.bytes).toString("latin1")).toBe("one \0\xff");
    const requests = new Set((await site.frames("http.request")).map(({ id }) => id));
    const responses = await site.frames("http.response");
    expect([requests.size, responses.length]).toEqual([5, 7]);
    for (const { meta, ttl } of responses as Request[]) {
      expect(requests.has(String(meta.request_id))).toBe(true);
      expect(meta).toMatchObject({ handler_id: handler, frame_id: meta.request_id as string });
      expect(ttl).toBe("time:1000000");
    }
  });
}

test("what the page of the 503 tells to do, pasted into a shell as it stands, makes an answer", async () => {
  await using site = await Site.open();
  const page = await site.curl("/");
  expect(page.status).toBe(503);
  const [handler = "", loop = ""] = page.text.match(/^xs [\s\S]*?\n(?=\n|$(?![\s\S]))/gm) ?? [];
  expect(handler).toEndWith("END\n");
  expect(loop).toStartWith("xs cat --follow");
  const PATH = `${dirname(XS)}:${process.env.PATH}`;
  const shell = Bun.spawn(["sh", "-e"], {
    env: { PATH, XS_ADDR: site.server.directory },
    stdio: [Buffer.from(handler), "ignore", "inherit"],
  });
  expect(await shell.exited).toBe(0);
  await until("an answer", async () => (await site.curl("/")).text === "hello\n");
});

test("a request waits for a handler that starts, and for one that is replaced", async () => {
  using home = tempDirectory();
  const store = `${home.path}/store`;
  const script = (n: number) =>
    `export default { topics: ["http.request"], run: () => ({ response: { body: "${n}" } }) }`;
  {
    await using site = await Site.open([], ":0", store);
    await site.spawn("other", `export default { topics: ["x"], run() {} }`);
    expect((await site.curl("/")).status).toBe(503);
    await site.spawn("web", script(0));
    expect((await site.curl("/")).text).toBe("0");
    await site.server.stop("SIGKILL");
  }
  // A request that comes just as the handler is ended has nobody to wait for but this.
  await using site = await Site.open(["--http-timeout", "2000"], ":0", store);
  expect((await site.curl("/")).text).toBe("0");
  let over = false;
  const clients = Array.from({ length: 4 }, async () => {
    const seen: string[] = [];
    while (!over) {
      const response = await fetch(`http://${site.address}/`);
      expect(response.status).toBe(200);
      seen.push(await response.text());
    }
    return seen;
  });
  for (let n = 1; n <= 5; n++) {
    await site.spawn("web", script(n));
    await until("it answers", async () => (await site.curl("/")).text === `${n}`);
  }
  over = true;
  for (const seen of await Promise.all(clients)) expect(seen.toSorted()).toEqual(seen);
  await site.server.append("stream.cross.handler.terminate", "", { "xs-meta": '{"topic":"web"}' });
  await until("nobody answers", async () => (await site.curl("/")).status === 503);
});
