import { expect, setDefaultTimeout } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { browserTest, openBrowser } from "../support/browser.ts";
import { startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

browserTest("in a browser, a page of another origin can neither read nor write", async () => {
  using home = tempDirectory();
  const store = join(home.path, "store");
  await using server = await startServer(store, { args: ["--expose", ":0"] });
  const api = `http://${await server.listensAt("expose")}`;
  const token = readFileSync(join(store, "token"), "utf8").trim();
  await server.append("note", "secret");
  const before = await server.frames();
  using elsewhere = Bun.serve({
    port: 0,
    fetch: () => new Response("<p>", { headers: { "content-type": "text/html" } }),
  });
  await using browser = await openBrowser();
  const page = await browser.newPage();
  await page.goto(elsewhere.url.href);
  // Even a page that knows the token is let in by nothing.
  const authorization = `Bearer ${token}`;
  const attempts: [path: string, init: object][] = [
    ["/", {}],
    ["/", { headers: { authorization } }],
    ["/", { headers: { authorization }, credentials: "include" }],
    ["/note", { method: "POST", body: "x" }],
    ["/note", { method: "POST", body: "x", mode: "no-cors" }],
    ["/note", { method: "POST", body: "x", headers: { authorization } }],
    ["/note", { method: "POST", body: "x", headers: { authorization }, mode: "no-cors" }],
    ["/kv/key", { method: "PUT", body: "x", headers: { authorization } }],
    [`/${before[0]?.id}`, { method: "DELETE", headers: { authorization } }],
  ];
  for (const [path, init] of attempts) {
    const call = JSON.stringify([`${api}${path}`, init]).slice(1, -1);
    const got = await page.evaluate(
      `fetch(${call}).then((answer) => answer.type === "opaque" ? "" : answer.text(), () => "")`,
    );
    expect([path, init, got]).toEqual([path, init, ""]);
  }
  // What needs no leave of the server: a form, a script, a stream of events.
  await page.evaluate(`new Promise((resolve) => {
    const script = document.createElement("script");
    script.src = ${JSON.stringify(`${api}/`)};
    script.onload = script.onerror = resolve;
    document.body.append(script);
  })`);
  await page.evaluate(`new Promise((resolve, reject) => {
    const events = new EventSource(${JSON.stringify(`${api}/?follow`)});
    events.onmessage = reject;
    events.onerror = resolve;
  })`);
  const form = `<form method="post" action="${api}/note" enctype="text/plain"><input name="a" value="b"></form>`;
  await page.setContent(form);
  await page.evaluate(`document.querySelector("form").submit()`);
  await page.waitForURL(`${api}/note`);
  expect(await page.content()).toContain("unauthorized");
  expect(await server.frames()).toEqual(before);
  expect((await server.fetch("/kv/key")).status).toBe(404);
  // The browser itself can reach it.
  const direct = await (await browser.newPage()).goto(`${api}/version`);
  expect(direct?.status()).toBe(401);
});
