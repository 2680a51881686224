// The recipes of docs/recipes.md, as they stand there, in an empty home. Only ports, and times too long to wait for, are others.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHmac } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Frame } from "../../src/core/frame.ts";
import { Home } from "../cli/run-xs.ts";
import { browserTest, openBrowser } from "../support/browser.ts";
import { Pty } from "../support/pty.ts";
import { parseLines, type Server, startServer, XS } from "../support/server.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const PAGE = readFileSync(join(import.meta.dir, "../../docs/recipes.md"), "utf8");
/** The text of each recipe under its name. */
const RECIPES = new Map(
  PAGE.split(/^## /m)
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf("\n")), text]),
);

let home: Home;
let env: Record<string, string>;
beforeEach(() => {
  home = new Home();
  mkdirSync(join(home.path, "bin"));
  symlinkSync(XS, join(home.path, "bin/xs"));
  env = { PATH: `${join(home.path, "bin")}:${process.env.PATH}` };
});
afterEach(() => home[Symbol.dispose]());

/** The blocks of commands of a recipe, in their order. */
function blocks(name: string, language = "sh"): string[] {
  const found = RECIPES.get(name)?.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"));
  if (found === undefined) throw new Error(`docs/recipes.md has no ${name}`);
  return [...found].map(([, text = ""]) => text);
}

/** A server of the default store of the home, as `xs serve` is. */
function serve(...args: string[]): Promise<Server> {
  const store = join(home.path, ".local/share/cross.stream/store");
  return startServer(store, { args, cwd: home.path, env: { ...env, HOME: home.path } });
}

/** Runs commands, each of which has to succeed, and returns what they print. */
async function run(commands: string): Promise<string> {
  const command = ["bash", "-e", "-o", "pipefail", "-c", commands];
  const { code, stdout, stderr } = await home.run(command, { env });
  if (code !== 0) throw new Error(`${commands} ended with ${code}: ${stderr}`);
  return stdout;
}

/** Puts a program on the PATH, in place of one that needs a desktop. */
function program(name: string, script: string): void {
  const path = join(home.path, "bin", name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

/** A `notify-send` that leaves what it shows in a file, and the whole lines of that file. */
function notifications(): () => string[] {
  const file = join(home.path, "shown");
  program("notify-send", `printf '%s\\n' "$1" >> '${file}'`);
  return () => (existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : []);
}

/** Frames with their content. */
async function events(topic: string): Promise<(Frame & { content?: string })[]> {
  return parseLines(await home.ok(["cat", "--topic", topic, "--content"]));
}

const contents = async (topic: string) => (await events(topic)).map(({ content }) => content);

test("a recipe has less than 40 lines, begins with a wish, and is in the index", () => {
  const index = PAGE.slice(0, PAGE.indexOf("\n## "));
  for (const [name, text] of RECIPES) {
    expect([name, text.trimEnd().split("\n").length < 40]).toEqual([name, true]);
    expect(text.split("\n")[2]).toStartWith("You want ");
    expect(index).toContain(`(#${name.toLowerCase().replaceAll(" ", "-")})`);
  }
});

test("notes", async () => {
  const [functions = "", use = ""] = blocks("Notes");
  for (const shell of ["bash", "zsh"].filter((name) => Bun.which(name))) {
    const { code, stdout, stderr } = await home.run([shell, "-c", `${functions}${use}`], { env });
    expect([code, stderr.replace(/^.*made a new store.*\n/, "")]).toEqual([0, ""]);
    const [found, ...frames] = stdout.trimEnd().split("\n");
    expect(found).toMatch(/^[0-9a-z]{25} {2}buy milk$/);
    expect(parseLines(frames.join("\n")).map(({ topic }) => topic)).toEqual(["note", "note"]);
    await home.ok(["forget", "note", "--yes"]);
  }
  const all = await run(`${functions}note -n "it's"\nnote 42\nnotes`);
  expect(
    all
      .trimEnd()
      .split("\n")
      .map((line) => line.slice(27)),
  ).toEqual(["-n it's", "42"]);
});

test("the clipboard", async () => {
  const board = join(home.path, "board");
  program("xclip", `case "$*" in *-in*) cat > '${board}' ;; *) cat '${board}' ;; esac`);
  await using _server = await serve();
  const [add = "", use = ""] = blocks("Clipboard history");
  await run(add);
  const copied = ["https://a.example", "two\nlines", "-n 'x' \\t $HOME"];
  for (const [count, text] of copied.entries()) {
    writeFileSync(board, text);
    await until(text, async () => (await contents("clip")).length > count);
  }
  expect(await contents("clip")).toEqual(copied);
  expect(await run("xs keep")).toContain("clip");
  const shown = await run(use);
  expect(shown).toContain("  https://a.example\n");
  expect(readFileSync(board, "utf8")).toBe("two\nlines");
});

describe("shell history", () => {
  const lines = ["cd /tmp", "echo \"a  'b'\" 'git'", "false", "true; true"];
  for (const [shell, rc] of [
    ["bash", ".bashrc"],
    ["zsh", ".zshrc"],
  ] as const) {
    test.skipIf(!Bun.which(shell))(shell, async () => {
      writeFileSync(
        join(home.path, rc),
        `HISTCONTROL=ignorespace\nset -u\nPS1='ready> '\n${blocks("Shell history", shell)[0]}`,
      );
      writeFileSync(join(home.path, ".bash_history"), "of before\n");
      await using pty = new Pty([], { cwd: home.path, command: [shell], env });
      for (const [count, line] of [
        ...lines.slice(0, -1),
        " secret",
        ...lines.slice(-1),
      ].entries()) {
        await until("a prompt", () => pty.output.split("ready> ").length > count + 1);
        pty.type(`${line}\r`);
      }
      const found = await until("the commands", async () => {
        const list = (await home.shell("xs cat --topic shell --content")).stdout;
        return parseLines(list).length >= lines.length && parseLines(list);
      });
      // They come in the background, and may overtake each other.
      const rows = (found as (Frame & { content: string })[]).map(({ content, meta }) => ({
        content,
        ...(meta as { code: number; cwd: string }),
      }));
      expect(rows.toSorted((a, b) => lines.indexOf(a.content) - lines.indexOf(b.content))).toEqual([
        { content: "cd /tmp", code: 0, cwd: "/tmp" },
        { content: "echo \"a  'b'\" 'git'", code: 0, cwd: "/tmp" },
        { content: "false", code: 1, cwd: "/tmp" },
        { content: "true; true", code: 0, cwd: "/tmp" },
      ]);
      expect(await run(blocks("Shell history")[0] ?? "")).toBe("echo \"a  'b'\" 'git'\n");
    });
  }
});

test("bookmarks", async () => {
  await using server = await serve("--http", ":0");
  await run(blocks("Bookmarks with a page").join(""));
  const site = `http://${await server.listensAt("http")}`;
  const add = (url: string, title: string, origin: string) =>
    fetch(`${site}/bookmarks`, {
      method: "POST",
      body: new URLSearchParams({ url, title }),
      headers: { origin },
      redirect: "manual",
    });
  expect((await add("https://b.example/?a&b", "<b>", site)).status).toBe(303);
  expect((await add("https://c.example/", "C", "http://evil.example")).status).toBe(403);
  await run("xs append bookmark 'javascript:alert(1)'; xs append bookmark --empty");
  const page = await (await fetch(`${site}/bookmarks`)).text();
  expect(page.match(/<li>.*/g)).toEqual([
    '<li><a href="https://b.example/?a&#38;b">&#60;b&#62;</a>',
    '<li><a href="https://bun.sh">Bun</a>',
  ]);
});

test("sensors", async () => {
  const shown = notifications();
  await using server = await serve("--expose", ":0");
  const [add = "", device = ""] = blocks("Home sensors with an alarm");
  await run(add);
  const alarms = ["sensor.cellar is hot: 31.5 °C", "sensor.cellar is well again: 19 °C"];
  await until("two notifications", () => shown().length === 2);
  expect(shown()).toEqual(alarms);
  const printed = await run(device.replace("127.0.0.1:3021", await server.listensAt("expose")));
  const [frame = "", mean] = printed.trimEnd().split("\n");
  expect(JSON.parse(frame)).toMatchObject({ topic: "sensor.roof", meta: { by: "sensors" } });
  expect(mean).toBe("25.25");
  await until("the third", () => shown().length === 3);
  for (const celsius of [29, 31])
    await home.ok(["append", "sensor.roof", "--empty", "-F", `celsius=${celsius}`]);
  await home.ok(["append", "sensor.roof", "broken"]);
  await home.ok(["append", "sensor.roof", "--empty", "-F", "celsius=1"]);
  await until("the fourth", () => shown().length === 4);
  expect(shown().slice(2)).toEqual([
    "sensor.roof is hot: 31 °C",
    "sensor.roof is well again: 1 °C",
  ]);
  expect(JSON.parse(await run("xs keep"))).toMatchObject({ pattern: "sensor.*" });
});

test("the disk", async () => {
  const shown = notifications();
  program(
    "df",
    "printf 'Filesystem 1024-blocks Used Available Capacity Mounted on\\n/dev/x 100 93 7 93%% /\\n'",
  );
  await using _server = await serve();
  const [add = "", read = ""] = blocks("Disk usage every hour");
  await run(add);
  expect(
    JSON.parse((await run("xs ps --json")).split("\n").find((row) => row.includes('"1h"')) ?? ""),
  ).toMatchObject({ name: "disk", every: "1h" });
  await run(add.split("\n")[0]?.replace("1h", "1s") ?? "");
  await until("a notification", () => shown().length > 0);
  expect(shown()[0]).toBe("the disk is 93% full");
  expect(await run(read)).toMatch(/^\d{4}-\S+ {2}93%\n/);
});

test("a reminder", async () => {
  const shown = notifications();
  {
    await using server = await serve();
    await run(blocks("A reminder").join(""));
    await home.ok(["append", "remind", "the tea", "--in", "1s"]);
    await until("the notification", () => shown().length > 0);
    await home.ok(["append", "remind", "late", "--in", "2s"]);
    await server.stop("SIGKILL");
  }
  await using _again = await serve();
  await until("the other notification", () => shown().length > 1);
  expect(shown()).toEqual(["the tea", "late"]);
  const waits = parseLines(await run("xs scheduled")) as (Frame & { at?: unknown })[];
  expect(waits.map(({ topic }) => topic)).toEqual(["remind", "remind"]);
});

browserTest("an inbox for a phone", async () => {
  program("hostname", "echo 127.0.0.1 10.0.0.5");
  program("qrencode", 'printf %s "$3"');
  await using server = await serve("--http", ":0", "--expose", ":0");
  const [http = "", expose = ""] = [
    await server.listensAt("http"),
    await server.listensAt("expose"),
  ];
  const ports = (text: string) =>
    text
      .replaceAll(":3000", http.slice(http.indexOf(":")))
      .replaceAll(":3021", expose.slice(expose.indexOf(":")));
  const url =
    (await run(ports(blocks("An inbox for your phone").join("")))).trim().split("\n").at(-1) ?? "";
  expect(url).toStartWith(`http://${http}/inbox#`);
  await using browser = await openBrowser();
  const page = await browser.newPage();
  await page.goto(url);
  await page.fill("textarea", "a thought: ü");
  await page.click("button");
  await page.waitForSelector("output >> text=/^sent$/");
  const photo = Buffer.from([0xff, 0xd8, 0, 1]);
  await page.setInputFiles("input", { name: "a.jpg", mimeType: "image/jpeg", buffer: photo });
  await page.click("button");
  await until("the photo", async () => (await events("inbox.phone")).length === 2);
  const [thought, picture] = (await events("inbox.phone")) as (Frame & Record<string, unknown>)[];
  expect([thought?.content, thought?.meta]).toEqual(["a thought: ü", { by: "phone" }]);
  expect(picture?.content_base64).toBe(photo.toString("base64"));
  // It may do nothing else, and nothing at all once it is locked out.
  const headers = { authorization: `Bearer ${url.slice(url.indexOf("#") + 1)}` };
  expect((await fetch(`http://${expose}/`, { headers })).status).toBe(403);
  expect((await fetch(`http://${expose}/stream/note`, { method: "POST", headers })).status).toBe(
    403,
  );
  await run("xs token rm phone");
  await page.fill("textarea", "again");
  await page.click("button");
  await page.waitForSelector("output >> text=/^not sent$/");
  expect(await events("inbox.phone")).toHaveLength(2);
});

test("web hooks that come", async () => {
  await using server = await serve("--http", ":0");
  await run(blocks("Receive web hooks").join(""));
  const secret = await run("xs kv get hook/secret");
  expect(secret).toMatch(/^[0-9a-f]{64}$/);
  const site = `http://${await server.listensAt("http")}/hook`;
  const body = '{"action":"ü"}';
  const sign = (key: string) => `sha256=${createHmac("sha256", key).update(body).digest("hex")}`;
  const send = async (signature?: string, text = body) => {
    const headers = {
      "x-github-event": "push",
      "x-github-delivery": "1",
      ...(signature && { "x-hub-signature-256": signature }),
    };
    return (await fetch(site, { method: "POST", body: text, headers })).status;
  };
  expect(await send(sign(secret))).toBe(204);
  expect([
    await send(),
    await send(sign("x")),
    await send("sha256="),
    await send(sign(secret), `${body} `),
    await send(sign(secret), ""),
  ]).toEqual([401, 401, 401, 401, 401]);
  expect((await fetch(site)).status).toBe(405);
  const hooks = await events("hook");
  expect(hooks.map(({ content }) => content)).toEqual([body]);
  expect(hooks[0]?.meta).toMatchObject({ event: "push", delivery: "1" });
});

test("web hooks that go", async () => {
  const got: { headers: Headers; body: string }[] = [];
  using service = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      got.push({ headers: request.headers, body: await request.text() });
      return new Response(null, { status: got.length === 1 ? 503 : 204 });
    },
  });
  await using _server = await serve();
  await run(
    blocks("Send web hooks").join("").replace("127.0.0.1:9000", `127.0.0.1:${service.port}`),
  );
  await run("xs append order.sent 'by ship'");
  await until("three requests", () => got.length === 3);
  const secret = (await run("xs kv get send/secret")).replace("whsec_", "");
  for (const { headers, body } of got) {
    const signed = `${headers.get("webhook-id")}.${headers.get("webhook-timestamp")}.${body}`;
    const mac = createHmac("sha256", Buffer.from(secret, "base64")).update(signed).digest("base64");
    expect(headers.get("webhook-signature")).toBe(`v1,${mac}`);
    expect(Math.abs(Number(headers.get("webhook-timestamp")) - Date.now() / 1000)).toBeLessThan(
      300,
    );
  }
  const [paid, sent] = [...(await events("order.paid")), ...(await events("order.sent"))];
  expect(got.map(({ headers }) => headers.get("webhook-id"))).toEqual([
    paid?.id,
    paid?.id,
    sent?.id,
  ] as string[]);
  expect(JSON.parse(got[1]?.body ?? "")).toMatchObject({
    type: "order.paid",
    data: { number: 17 },
  });
  expect(JSON.parse(got[2]?.body ?? "")).toMatchObject({
    type: "order.sent",
    data: { text: "by ship" },
  });
});

test("recipes with a page share one server", async () => {
  program("qrencode", "true");
  await using server = await serve("--http", ":0");
  const names = ["Bookmarks with a page", "An inbox for your phone", "Receive web hooks"];
  for (const name of names) await run(blocks(name).join(""));
  const site = `http://${await server.listensAt("http")}`;
  for (const path of ["/bookmarks", "/inbox"]) {
    const page = await fetch(`${site}${path}`);
    expect([path, page.status, page.headers.get("content-type")]).toEqual([
      path,
      200,
      expect.stringContaining("text/html"),
    ]);
  }
  expect((await fetch(`${site}/hook`, { method: "POST" })).status).toBe(401);
});
