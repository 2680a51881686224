import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Site } from "../gateway/site.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const SCRIPT = Bun.file(join(import.meta.dir, "../../examples/json-api/notes.nu"));

test("notes are added, listed and removed, and stay over a kill", async () => {
  using home = tempDirectory();
  const store = join(home.path, "store");
  const ask = async (site: Site, path: string, ...args: string[]) => {
    const { status, text, headers } = await site.curl(path, ...args);
    if (status !== 204) expect(headers["content-type"]).toBe("application/json");
    return [status, text && JSON.parse(text)];
  };
  {
    await using site = await Site.open([], ":0", store);
    await site.spawn("notes", SCRIPT);
    expect(await ask(site, "/notes")).toEqual([200, []]);
    expect(await ask(site, "/notes", "-d", '{"text":"milk"}')).toEqual([
      201,
      { id: 1, text: "milk" },
    ]);
    expect(await ask(site, "/notes", "-d", '{"text":"ü→"}')).toEqual([201, { id: 2, text: "ü→" }]);
    for (const body of ["{", "", "[]", '{"text":1}', "\u0001"]) {
      expect([body, (await ask(site, "/notes", "-d", body))[0]]).toEqual([body, 400]);
    }
    expect(await ask(site, "/notes/1")).toEqual([200, { id: 1, text: "milk" }]);
    expect(await ask(site, "/notes/1", "-X", "DELETE")).toEqual([204, ""]);
    for (const path of ["/notes/1", "/notes/x", "/notes/99999999999999999999", "/", "/x/y/z"]) {
      expect([path, (await ask(site, path))[0]]).toEqual([path, 404]);
    }
    expect((await ask(site, "/notes/2", "-X", "PUT"))[0]).toBe(405);
    await site.server.stop("SIGKILL");
  }
  await using site = await Site.open([], ":0", store);
  expect(await ask(site, "/notes")).toEqual([200, [{ id: 2, text: "ü→" }]]);
  expect((await site.frames("notes.added")).map(({ meta }) => meta)).toMatchObject([
    { text: "milk" },
    { text: "ü→" },
  ]);
  expect((await site.frames("notes.removed")).map(({ meta }) => meta)).toMatchObject([{ id: 1 }]);
});

test("what a visitor sends to harm it is refused, and the next one is served", async () => {
  await using site = await Site.open();
  await site.spawn("notes", SCRIPT);
  using home = tempDirectory();
  const file = join(home.path, "body");
  const bodies = [
    "[".repeat(20_000) + "]".repeat(20_000),
    '{"text":'.repeat(20_000),
    `{"text":"${"x".repeat(2_000_000)}"}`,
    "[".repeat(1000),
    `${"[".repeat(499)}${"]".repeat(499)}`,
    "\ud800",
    new Uint8Array([0xff, 0xfe, 0x00]),
    '{"text":{"text":"x"}}',
  ];
  for (const body of bodies) {
    await Bun.write(file, body);
    for (const args of [[], ["-H", "transfer-encoding: chunked"]]) {
      const { status } = await site.curl("/notes", ...args, "--data-binary", `@${file}`);
      expect([400, 413]).toContain(status);
    }
  }
  for (const path of ["/notes/1%00", "/notes/%ff", "/notes/../../etc", "/?notes", "/%7b%7d"]) {
    expect((await site.curl(path, "--path-as-is")).status).toBe(404);
  }
  const [first] = await site.server.frames("/last/http.request?last=1");
  // As many as there may be, and one more.
  const requests = Array.from({ length: 101 }, (_, n) => ({
    topic: "http.request",
    meta: { method: "POST", path: "/notes", headers: {}, query: {} },
    content: JSON.stringify({ text: `${n} ${"ü".repeat(480)}`.slice(0, 480) }),
  }));
  const lines = requests.map((request) => JSON.stringify(request)).join("\n");
  const response = await site.server.fetch("/stream", { method: "POST", body: lines });
  expect(response.status).toBe(200);
  await until("all of them answered", async () => {
    const answers = await site.server.frames(`/?topic=http.response&last-id=${first?.id}`);
    return answers.filter(({ meta }) => (meta as { status: number }).status === 409).length === 1;
  });
  expect(JSON.parse((await site.curl("/notes")).text)).toHaveLength(100);
  expect((await site.curl("/notes", "-d", '{"text":"one more"}')).status).toBe(409);
  expect((await site.curl("/notes/1", "-X", "DELETE")).status).toBe(204);
  expect((await site.curl("/notes", "-d", '{"text":"one more"}')).status).toBe(201);
  for (const topic of ["notes.error", "stream.cross.handler.restarting"]) {
    expect(await site.frames(topic)).toEqual([]);
  }
});
