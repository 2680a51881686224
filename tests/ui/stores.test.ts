// Which store the inspector shows, who answers for it meanwhile, and what happens to it.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Home } from "../cli/run-xs.ts";
import { missingMount, Tmpfs } from "../faults/tmpfs.ts";
import { browserTest, openBrowser } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { startServer } from "../support/server.ts";
import { TalkingXs } from "../support/talking.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

test("a store without a server: other commands go on, and a server hears who has it", async () => {
  using home = new Home();
  await home.makeStore(home.store);
  {
    await using it = await Inspector.start(home.store);
    const key = await it.key();
    const ask = (path: string) =>
      fetch(`${it.origin}/api${path}`, { headers: { authorization: `Bearer ${key}` } });
    await home.ok(["append", home.store, "note", "--meta", "1"]);
    expect(await (await ask("/last/note")).text()).toContain('"meta":1');
    expect(await (await ask("/ps")).text()).toBe("");
    const { code, stderr } = await home.xs(["serve", home.store]);
    expect(code).toBe(1);
    expect(stderr).toContain(`process ${it.pid} (`);
    expect(stderr).toContain("without processors");
    expect(stderr).toContain(`kill ${it.pid}`);
    expect(await it.stop("SIGTERM")).toBe(0);
  }
  expect(existsSync(join(home.store, "sock"))).toBe(false);
  await using server = await startServer(home.store);
  expect((await server.frames("/last/note"))[0]?.meta).toBe(1);
  await using it = await Inspector.start(home.store);
  expect((await it.ask("/last/note")).status).toBe(200);
});

test("a store without a server: processors are registered for the next start of one", async () => {
  using home = new Home();
  {
    await using server = await startServer(home.store);
    await server.stop("SIGTERM");
  }
  const script = join(home.path, "h.ts");
  writeFileSync(script, "export default { run: () => ({ next: 1 }) };");
  {
    await using it = await Inspector.start(home.store, { args: ["--write"] });
    const added = await home.xs(["handler", "add", "h", script, "-s", home.store]);
    expect([added.code, added.stderr]).toEqual([
      0,
      expect.stringContaining("starts with the next"),
    ]);
    const body = JSON.stringify({ kind: "handler", name: "h", action: "stop" });
    const stopped = await it.askAt("/do/processor", { method: "POST", body });
    expect(await stopped.json()).toMatchObject({
      done: false,
      text: expect.stringContaining("does not start with the next"),
    });
    const start = await home.xs(["handler", "start", "h", "-s", home.store]);
    expect([start.code, start.stderr]).toEqual([
      0,
      expect.stringContaining("starts with the next"),
    ]);
    await it.stop("SIGTERM");
  }
  await using server = await startServer(home.store);
  const rows = (await (await server.fetch("/ps")).text()).trim();
  expect(JSON.parse(rows)).toMatchObject({ name: "h", kind: "handler" });
});

test("no store, no server and a wrong token are said at once, and nothing is made", async () => {
  using home = new Home();
  const missing = await home.xs(["ui", "./none", "--no-open"]);
  expect([missing.code, missing.stderr]).toEqual([
    1,
    expect.stringContaining("there is no store at"),
  ]);
  expect(existsSync(join(home.path, "none"))).toBe(false);
  const nobody = await home.xs(["ui", ":1", "--no-open"]);
  expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringContaining("no answer from")]);
  await using server = await startServer(home.store, { args: ["--expose", "127.0.0.1:0"] });
  const at = await server.listensAt("expose");
  const env = { XS_TOKEN: "wrong-token-that-nobody-made" };
  const refused = await home.xs(["ui", at, "--no-open"], { env });
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("token")]);
  expect((await home.xs(["ui", "./store", "more"])).code).toBe(2);
  expect((await home.xs(["ui", "--wrong"])).code).toBe(2);
});

browserTest(
  "a store elsewhere: its token is nowhere in the page, its answers and messages",
  async () => {
    using home = new Home();
    await using server = await startServer(home.store, { args: ["--expose", "127.0.0.1:0"] });
    const { id } = await server.append("note", "from elsewhere");
    const at = await server.listensAt("expose");
    const token = readFileSync(join(home.store, "token"), "utf8").trim();
    for (const [address, env] of [
      [at, { XS_TOKEN: token }],
      [`http://me:${token}@${at}`, {}],
    ] as const) {
      await using it = await Inspector.start(address, { env, args: ["--write"] });
      await using opened = await InspectorPage.open(it);
      const { page, faults } = opened;
      const said: string[] = [];
      page.on("response", async (response) => {
        said.push(JSON.stringify(response.headers()));
        const body = await response.body().catch(() => Buffer.of());
        said.push(body.toString("latin1"), JSON.stringify(response.request().headers()));
      });
      await page.reload();
      await page.getByText("from elsewhere").waitFor();
      const shown = await page.evaluate<string>(
        "document.documentElement.outerHTML + JSON.stringify({ ...sessionStorage })",
      );
      expect(shown).toContain(at);
      const answers: string[] = [];
      for (const path of [
        "/api/-/info",
        `/api/${id}`,
        "/api/-/tokens",
        "/about",
        "/state?name=x",
      ]) {
        answers.push(await (await it.askAt(path)).text());
      }
      for (const text of [shown, ...said, ...answers, it.stderr]) expect(text).not.toContain(token);
      // A script of another machine does not run at a click.
      const state = await it.askAt(`/state?name=x&at=${id}`);
      expect(state.status).toBe(400);
      expect(await state.text()).toContain("xs handler state");
      const append = await it.ask("/stream/note", { method: "POST", body: "written" });
      expect(append.status).toBe(200);
      expect(faults).toEqual([]);
    }
    expect(await server.frames("/?topic=note")).toHaveLength(3);
  },
);

test("a server elsewhere sets no cookie here, lets no other site in, and leads nowhere else", async () => {
  const asked: Record<string, string>[] = [];
  using elsewhere = Bun.serve({
    port: 0,
    fetch({ url, headers }) {
      const { pathname } = new URL(url);
      asked.push({ ...headers.toJSON() });
      if (pathname === "/last") return Response.redirect("http://127.0.0.1:1/");
      const body = pathname === "/-/info" ? "{}" : "<script>alert(1)</script>";
      return new Response(body, {
        headers: {
          "xs-version": "0.1.0",
          "content-type": "text/html",
          "set-cookie": "a=b",
          "access-control-allow-origin": "*",
          "clear-site-data": '"*"',
          refresh: "0;url=http://evil.example/",
          link: "<http://evil.example/>; rel=preload",
          "content-security-policy": "default-src *",
          etag: '"kept"',
        },
      });
    },
  });
  const token = "token-for-the-server-elsewhere";
  await using it = await Inspector.start(`127.0.0.1:${elsewhere.port}`, {
    env: { XS_TOKEN: token },
  });
  const headers = {
    cookie: "secret=1",
    "x-forwarded-for": "192.0.2.1",
    referer: "http://x/",
    "user-agent": "Secret/1",
    "xs-meta": "1",
    "if-none-match": '"old"',
  };
  const response = await it.ask("/health", { headers });
  expect(await response.text()).toContain("<script>");
  const names = [...response.headers.keys()];
  for (const name of ["set-cookie", "access-control-allow-origin", "refresh", "link"]) {
    expect(names).not.toContain(name);
  }
  expect(names).not.toContain("clear-site-data");
  expect(response.headers.get("etag")).toBe('"kept"');
  expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(asked.at(-1)).toMatchObject({
    authorization: `Bearer ${token}`,
    "xs-meta": "1",
    "if-none-match": '"old"',
  });
  for (const name of ["cookie", "x-forwarded-for", "referer", "origin"]) {
    expect(Object.keys(asked.at(-1) ?? {})).not.toContain(name);
  }
  const led = await it.ask("/last", { redirect: "manual" });
  expect([led.status, led.headers.get("location")]).toEqual([503, null]);
});

test("a token that a store takes no more ends no page", async () => {
  using home = new Home();
  await using server = await startServer(home.store, { args: ["--expose", "127.0.0.1:0"] });
  const at = await server.listensAt("expose");
  const body = JSON.stringify({ name: "page", read: ["*"] });
  const made = await server.fetch("/-/tokens", { method: "POST", body });
  const { token } = (await made.json()) as { token: string };
  await using it = await Inspector.start(at, { env: { XS_TOKEN: token } });
  expect((await it.ask("/-/topics")).status).toBe(200);
  await server.fetch("/-/tokens/page", { method: "DELETE" });
  const answer = await it.ask("/-/topics");
  expect([answer.status, await answer.json()]).toEqual([
    403,
    expect.objectContaining({ code: "forbidden", detail: expect.stringContaining("token") }),
  ]);
});

browserTest(
  "a server that stops and starts again: the page says so, and has lost nothing",
  async () => {
    using home = new Home();
    let server = await startServer(home.store);
    try {
      await server.append("note", "before");
      await using it = await Inspector.start(home.store);
      await using opened = await InspectorPage.open(it);
      const { page } = opened;
      await page.getByText("before", { exact: true }).waitFor();
      await page.locator(".live-live").waitFor();
      expect(await server.stop("SIGTERM")).toBe(0);
      await page.locator(".live-away").waitFor();
      // Commands open the store meanwhile: the inspector does not have it.
      await home.ok(["append", home.store, "note", "--meta", "1"], { stdin: "meanwhile" });
      server = await startServer(home.store);
      await page.locator(".live-live").waitFor();
      await server.append("note", "after");
      for (const text of ["before", "meanwhile", "after"]) {
        await page.getByText(text, { exact: true }).first().waitFor();
      }
      expect((await it.ask("/last/note")).status).toBe(200);
    } finally {
      await server[Symbol.asyncDispose]();
    }
  },
);

const unmounted = missingMount();

describe.skipIf(unmounted !== undefined)(`a mount${unmounted ? ` (${unmounted})` : ""}:`, () => {
  test("a store that can only be read is shown, and nothing is put into it", async () => {
    using disk = new Tmpfs("32m");
    const store = join(disk.path, "store");
    {
      await using server = await startServer(store);
      await server.append("note", "kept");
      await server.stop("SIGTERM");
    }
    disk.remount("ro");
    await using it = await Inspector.start(store, { args: ["--write"] });
    expect(it.stderr).toContain("can only be read");
    expect(await (await it.ask("/last/note?content=inline")).text()).toContain("kept");
    const refused = await it.ask("/stream/note", { method: "POST", body: "x" });
    expect(await refused.json()).toMatchObject({ code: "store_read_only" });
    using home = new Home();
    expect(await home.ok(["last", store, "note"])).toContain("note");
    expect(await it.stop("SIGINT")).toBe(0);
  });
});

test("xs serve --ui serves the page as long as the server runs; it reads", async () => {
  using home = new Home();
  await using server = new TalkingXs(["serve", home.store, "--ui", ":0"]);
  const [link = ""] = await server.says(/http:\/\/127\.0\.0\.1:\d+\/#key=[\w-]+/);
  await home.ok(["append", home.store, "note"], { stdin: "served" });
  const { origin, hash } = new URL(link);
  const redeem = () => fetch(`${origin}/key`, { method: "POST", body: hash.slice("#key=".length) });
  const { key } = (await (await redeem()).json()) as { key: string };
  expect((await redeem()).status).toBe(401);
  const ask = (path: string, method = "GET") =>
    fetch(origin + path, { method, headers: { authorization: `Bearer ${key}` } });
  expect(await (await ask("/api/last/note?content=inline")).text()).toContain("served");
  expect(await (await ask("/about")).json()).toEqual({ name: home.store, writes: false });
  expect((await ask("/api/stream/note", "POST")).status).toBe(403);
  const live = await ask("/api/?follow=true");
  expect(live.status).toBe(200);
  // xs ui beside it has a listener of its own.
  await using it = await Inspector.start(home.store, { args: ["--write"] });
  expect(it.origin).not.toBe(origin);
  expect((await it.ask("/stream/note", { method: "POST", body: "x" })).status).toBe(200);
  expect(await server.stop("SIGTERM")).toBe(0);
  await live.body?.cancel().catch(() => {});
  expect(await fetch(origin).catch(() => "gone")).toBe("gone");
});

browserTest(
  "the page of xs serve --ui takes the token of the store, that of xs ui does not",
  async () => {
    using home = new Home();
    await using server = new TalkingXs(["serve", home.store, "--ui", ":0"]);
    const [, origin = ""] = await server.says(/(http:\/\/127\.0\.0\.1:\d+)\/#key/);
    await home.ok(["append", home.store, "note"], { stdin: "served" });
    const token = readFileSync(join(home.store, "token"), "utf8");
    const browser = await openBrowser();
    try {
      const page = await browser.newPage();
      await page.goto(origin);
      await page.getByLabel("Link").fill("wrong");
      await page.getByRole("button", { name: "Open" }).click();
      await page.getByText("from the file `token` in it").waitFor();
      await page.getByLabel("Link").fill(token);
      await page.getByRole("button", { name: "Open" }).click();
      await page.getByText("served", { exact: true }).waitFor();
      // What the page keeps is not the token.
      const kept = await page.evaluate<string>("JSON.stringify({ ...sessionStorage })");
      expect(kept).not.toContain(token.trim());
    } finally {
      await browser.close();
    }
    await using it = await Inspector.start(home.store);
    const answer = await fetch(`${it.origin}/key`, { method: "POST", body: token.trim() });
    expect(answer.status).toBe(401);
  },
);

test("a script that runs again for xs serve --ui gets no more of the environment than others", async () => {
  using home = new Home();
  const args = ["serve", home.store, "--ui", ":0", "--script-env", "HOME"];
  await using server = new TalkingXs(args, { SECRET: "of the server" });
  const [, origin = "", link] = await server.says(/(http:\/\/127\.0\.0\.1:\d+)\/#key=([\w-]+)/);
  const script = join(home.path, "h.ts");
  writeFileSync(
    script,
    'export default { topics: ["tick"], initial: "", run: () => ({ next: process.env.SECRET ?? "none" }) };',
  );
  await home.ok(["handler", "add", "h", script, "-s", home.store]);
  const { id } = JSON.parse(await home.ok(["append", home.store, "tick"])) as { id: string };
  const redeemed = await fetch(`${origin}/key`, { method: "POST", body: link ?? "" });
  const { key } = (await redeemed.json()) as { key: string };
  const state = await until("the state then", async () => {
    const headers = { authorization: `Bearer ${key}` };
    const response = await fetch(`${origin}/state?name=h&at=${id}`, { headers });
    return response.ok && response.json();
  });
  expect(state).toEqual({ before: "", after: "none" });
});

test("xs serve --ui listens on this machine alone", async () => {
  using home = new Home();
  for (const [at, said] of [
    ["0.0.0.0:0", "ssh -L"],
    ["192.0.2.1:3030", "ssh -L"],
    ["[::]:0", "ssh -L"],
    ["example.com:80", "ssh -L"],
    ["./page.sock", "opens no socket"],
    ["nonsense", "no place to listen"],
    ["http://127.0.0.1:1", "no place to listen"],
  ] as const) {
    const { code, stderr } = await home.xs(["serve", home.store, "--ui", at]);
    expect([at, code, stderr]).toEqual([at, 2, expect.stringContaining(said)]);
  }
  expect(existsSync(home.store)).toBe(false);
  await using server = await startServer(home.store, { args: ["--expose", "127.0.0.1:0"] });
  const taken = await server.listensAt("expose");
  using other = new Home();
  const { code, stderr } = await other.xs(["serve", other.store, "--ui", taken]);
  expect([code, stderr]).toEqual([1, expect.stringContaining("it is taken already")]);
});
