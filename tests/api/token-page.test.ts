import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { browserTest, openBrowser } from "../support/browser.ts";
import { Exposed } from "../support/tokens.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** A site with nothing but a page. */
function site() {
  return Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => new Response("<p>", { headers: { "content-type": "text/html" } }),
  });
}

browserTest(
  "in a browser, a page of the token's origin reads, follows and appends, and no other page does",
  async () => {
    await using it = await Exposed.start();
    using own = site();
    using foreign = site();
    const token = await it.add(
      "page",
      "--read",
      "note.*",
      "--append",
      "note.*",
      "--keys",
      "page/",
      "--cors",
      own.url.origin,
    );
    await it.server.append("note.a", "before");
    await it.server.append("secret", "hidden");
    const api = `http://${it.address}`;
    const authorization = `Bearer ${token}`;
    await using browser = await openBrowser();
    const page = await browser.newPage();
    await page.goto(own.url.href);
    const run = (script: string) => page.evaluate(`(async () => { ${script} })()`);
    const common = `const api = ${JSON.stringify(api)};
    const headers = { authorization: ${JSON.stringify(authorization)} };`;
    const read = (await run(`${common}
    return await (await fetch(api + "/", { headers })).text();`)) as string;
    expect(read).toContain('"topic":"note.a"');
    expect(read).not.toContain("secret");
    const appended = (await run(`${common}
    const answer = await fetch(api + "/note.b", {
      method: "POST", body: "from the page",
      headers: { ...headers, "xs-meta": '{"n":1}', "idempotency-key": "once" },
    });
    return { status: answer.status, version: answer.headers.get("xs-version"), frame: await answer.json() };`)) as {
      status: number;
      version: string;
      frame: { meta: unknown };
    };
    expect(appended).toMatchObject({
      status: 200,
      version: expect.stringMatching(/./),
      frame: { meta: { n: 1, by: "page" } },
    });
    // It follows, and sees what comes.
    await run(`${common}
    globalThis.seen = "";
    globalThis.following = (async () => {
      const answer = await fetch(api + "/?follow&last=0", { headers: { ...headers, accept: "text/event-stream" } });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) globalThis.seen += part.value;
      return "ended";
    })();`);
    await page.waitForFunction(`globalThis.seen.includes("threshold")`);
    await it.server.append("secret", "hidden too");
    await it.server.append("note.live", "after");
    await page.waitForFunction(`globalThis.seen.includes("note.live")`);
    expect((await page.evaluate("globalThis.seen")) as string).not.toContain("secret");
    const entry = await run(`${common}
    const put = await fetch(api + "/kv/page/x", { method: "PUT", body: "1", headers });
    const etag = put.headers.get("etag");
    const again = await fetch(api + "/kv/page/x", { method: "PUT", body: "2", headers: { ...headers, "if-match": etag } });
    return [put.status, again.status];`);
    expect(entry).toEqual([200, 200]);
    // It can read why it is refused.
    const refused = (await run(`${common}
    const answer = await fetch(api + "/secret", { method: "POST", body: "x", headers });
    return (await answer.json()).code;`)) as string;
    expect(refused).toBe("forbidden");
    // The same token on a page of another site, and the owner's on both.
    const before = await it.server.frames();
    const other = await browser.newPage();
    await other.goto(foreign.url.href);
    for (const [which, where, bearer] of [
      ["the token elsewhere", other, authorization],
      ["the owner's elsewhere", other, `Bearer ${it.owner}`],
      ["the owner's", page, `Bearer ${it.owner}`],
    ] as const) {
      for (const [path, init] of [
        ["/", { headers: { authorization: bearer } }],
        ["/note.a", { method: "POST", body: "x", headers: { authorization: bearer } }],
        [
          "/note.a",
          { method: "POST", body: "x", headers: { authorization: bearer }, mode: "no-cors" },
        ],
      ] as const) {
        const call = JSON.stringify([`${api}${path}`, init]).slice(1, -1);
        const got = (await where.evaluate(
          `fetch(${call}).then(async (answer) => answer.ok ? "OK" + (await answer.text()) : "refused", () => "refused")`,
        )) as string;
        expect([which, path, got]).toEqual([which, path, "refused"]);
      }
    }
    expect(await it.server.frames()).toEqual(before);
    // A removed token is of no more use, and what follows with it ends.
    await it.home.ok(["token", "rm", it.home.store, "page"]);
    expect(await page.evaluate("globalThis.following")).toBe("ended");
    const after = await run(`${common}
    return await fetch(api + "/", { headers }).then(() => "answered", () => "refused");`);
    expect(after).toBe("refused");
  },
);

browserTest("the page in docs/protocol.md works as it stands", async () => {
  const protocol = await Bun.file(join(import.meta.dir, "../../docs/protocol.md")).text();
  const [, script = ""] = /```js\n(const headers[\s\S]*?)```/.exec(protocol) ?? [];
  await using it = await Exposed.start();
  using own = site();
  const token = await it.add(
    "page",
    "--read",
    "note.*",
    "--append",
    "note.*",
    "--cors",
    own.url.origin,
  );
  await using browser = await openBrowser();
  const page = await browser.newPage();
  await page.goto(own.url.href);
  const given = JSON.stringify([`http://${it.address}`, token]);
  await page.evaluate(`const [api, token] = ${given};
    globalThis.topics = [];
    const show = ({ topic }) => topics.push(topic);
    globalThis.page = (async () => { ${script} return "ended"; })();
    undefined;`);
  await page.waitForFunction(`topics.includes("stream.cross.threshold")`);
  await it.server.append("note.live", "x");
  await it.server.append("other", "x");
  await it.server.append("note.last", "x");
  await page.waitForFunction(`topics.includes("note.last")`);
  expect(await page.evaluate("topics")).toEqual([
    ...["note.page", "stream.cross.threshold", "note.live", "note.last"],
  ]);
  await it.home.ok(["token", "rm", it.home.store, "page"]);
  expect(await page.evaluate("globalThis.page")).toBe("ended");
});

test("a preflight is answered for the origin of a token that lives, and for no other", async () => {
  await using it = await Exposed.start();
  const origin = "https://app.example";
  const token = await it.add("page", "--read", "*", "--cors", "https://App.Example:443/");
  const plain = await it.add("plain", "--read", "*");
  const preflight = (from: string, headers = {}) =>
    it.ask(undefined, "OPTIONS /note", {
      headers: {
        origin: from,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,xs-meta",
        ...headers,
      },
    });
  const answer = await preflight(origin, { "access-control-request-private-network": "true" });
  expect(answer.status).toBe(204);
  const allowed = answer.headers.get("access-control-allow-headers") ?? "";
  for (const name of ["authorization", "xs-meta", "idempotency-key", "if-match", "content-type"]) {
    expect(allowed.split(", ")).toContain(name);
  }
  for (const method of ["GET", "POST", "PUT", "DELETE"]) {
    expect(answer.headers.get("access-control-allow-methods")).toContain(method);
  }
  expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
  expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
  expect(answer.headers.get("access-control-allow-private-network")).toBe("true");
  expect(answer.headers.get("vary")).toContain("origin");
  for (const from of [
    "https://evil.example",
    "http://app.example",
    "https://app.example:8443",
    "null",
    `${origin}/`,
  ]) {
    const refused = await preflight(from);
    expect([from, refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([
      from,
      401,
      null,
    ]);
  }
  // The request itself.
  for (const [bearer, from, outcome, readable] of [
    [token, origin, "200", origin],
    [token, undefined, "200", null],
    [token, "https://evil.example", "403 foreign_origin", null],
    [token, `http://${it.address}`, "403 foreign_origin", null],
    [plain, origin, "403 foreign_origin", origin],
    [plain, `http://${it.address}`, "200", null],
    [it.owner, origin, "403 foreign_origin", origin],
    [`${token}x`, origin, "401 unauthorized", origin],
  ] as const) {
    const headers = new Headers(from && { origin: from });
    const what = [bearer === it.owner ? "owner" : bearer.slice(0, 6), from];
    expect([...what, await it.outcome(bearer, "GET /?limit=1", { headers })]).toEqual([
      ...what,
      outcome,
    ]);
    const response = await it.ask(bearer, "GET /?limit=1", { headers });
    expect([...what, response.headers.get("access-control-allow-origin")]).toEqual([
      ...what,
      readable,
    ]);
    if (readable) expect(response.headers.get("access-control-expose-headers")).toContain("etag");
  }
  await it.home.ok(["token", "rm", it.home.store, "page"]);
  expect((await preflight(origin)).status).toBe(401);
});
