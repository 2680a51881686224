import { expect, setDefaultTimeout, test } from "bun:test";
import { browserTest } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

async function status(response: Promise<Response>): Promise<number> {
  return (await response).status;
}

test("without a key there is the page alone, and a link works once", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await server.append("note", "hello");
  await using it = await Inspector.start(server.directory);
  const page = await fetch(it.origin);
  expect(page.status).toBe(200);
  expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(await page.text()).not.toContain("hello");
  expect(await status(fetch(`${it.origin}/api/`))).toBe(401);
  expect(await status(fetch(`${it.origin}/about`))).toBe(401);
  const [, link = ""] = (await it.link()).split("#key=");
  const redeem = () => fetch(`${it.origin}/key`, { method: "POST", body: link });
  const { key } = (await (await redeem()).json()) as { key: string };
  expect(await status(redeem())).toBe(401);
  // The key of a link is none of a session.
  const asks = (given: string) =>
    status(fetch(`${it.origin}/api/`, { headers: { authorization: `Bearer ${given}` } }));
  expect(await asks(link)).toBe(401);
  expect(await asks(key)).toBe(200);
});

test("a foreign Host, a foreign Origin and a request of another site are refused", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await using it = await Inspector.start(server.directory);
  const key = await it.key();
  const asks = (headers: Record<string, string>, path = "/api/last") =>
    status(fetch(it.origin + path, { headers: { authorization: `Bearer ${key}`, ...headers } }));
  const { host } = new URL(it.origin);
  expect(await asks({})).toBe(200);
  expect(await asks({ origin: it.origin, "sec-fetch-site": "same-origin" })).toBe(200);
  expect(await asks({ host: "evil.example" })).toBe(400);
  expect(await asks({ host: host.replace("127.0.0.1", "localhost.evil") })).toBe(400);
  expect(await asks({ origin: "http://evil.example" })).toBe(403);
  expect(await asks({ origin: "null" })).toBe(403);
  expect(await asks({ origin: it.origin.replace(/\d+$/, "1") })).toBe(403);
  expect(await asks({ "sec-fetch-site": "cross-site" })).toBe(403);
  expect(await asks({ "sec-fetch-site": "same-site" })).toBe(403);
  // A navigation, as from the file that opens the browser, gets the page and nothing else.
  const navigation = {
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
  };
  expect(await asks(navigation, "/")).toBe(200);
  expect(await asks(navigation)).toBe(403);
  expect(await asks({ ...navigation, "sec-fetch-dest": "iframe" }, "/")).toBe(403);
});

test("it reads alone, and with --write it never brings code", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  const { id } = await server.append("note", "hello");
  const spawn = "/stream/stream.cross.handler.spawn";
  const requests: [string, string, number, number][] = [
    ["GET", `/${id}`, 200, 200],
    ["GET", "/kv", 200, 200],
    ["GET", "/export", 403, 403],
    ["POST", "/stream/note", 403, 200],
    ["PUT", "/kv/a", 403, 200],
    ["DELETE", "/kv/a", 403, 204],
    ["POST", spawn, 403, 403],
    ["POST", "/stream/shell.send", 403, 403],
    ["POST", "/stream/stream%2ecross.handler.spawn", 403, 403],
    ["POST", "/append/note", 403, 403],
    ["POST", "/note", 403, 403],
    ["POST", "/stream", 403, 403],
    ["POST", "/import", 403, 403],
    ["POST", "/-/tokens", 403, 403],
    ["DELETE", "/stream/note", 403, 403],
    ["DELETE", `/${id}`, 403, 204],
  ];
  for (const [writes, at] of [
    [false, 2],
    [true, 3],
  ] as const) {
    await using it = await Inspector.start(server.directory, { args: writes ? ["--write"] : [] });
    const authorization = `Bearer ${await it.key()}`;
    for (const request of requests) {
      const [method, path] = request;
      const response = await fetch(`${it.origin}/api${path}`, {
        method,
        headers: { authorization },
        ...(method !== "GET" && method !== "DELETE" && { body: "x" }),
      });
      expect([method, path, response.status]).toEqual([method, path, request[at]]);
      await response.body?.cancel();
    }
  }
});

browserTest("a link opens the page once; reload and back keep the place", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await server.append("note.a", "hello page");
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it);
  const { page, faults } = opened;
  await page.getByText("hello page").waitFor();
  expect(new URL(page.url()).hash).toBe("");
  await page.getByRole("option").filter({ hasText: "hello page" }).click();
  await page.getByRole("complementary").getByText("hello page").waitFor();
  const place = page.url();
  await page.reload();
  await page.getByRole("complementary").getByText("hello page").waitFor();
  expect(page.url()).toBe(place);
  await page.goBack();
  await page.getByRole("complementary").waitFor({ state: "detached" });
  // Another browser has no key: it asks for a link.
  const other = await page.context().browser()?.newPage();
  await other?.goto(place);
  await other?.getByText("This page needs a key").waitFor();
  await other?.getByLabel("Link").fill(await it.link());
  await other?.getByRole("button", { name: "Open" }).click();
  await other?.getByRole("complementary").getByText("hello page").waitFor();
  await other?.close();
  expect(faults).toEqual([]);
});
