import { setDefaultTimeout } from "bun:test";
import type { Page } from "playwright-core";
import { expectAccessible } from "../support/axe.ts";
import { browserTest } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { spawn } from "../support/processors.ts";
import { type Server, startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(2 * TEST_MS);

const COUNTER = `export default {
  topics: ["note"],
  initial: 0,
  run: (frame, n) => { console.error("saw one"); return { out: { n }, next: n + 1 }; },
};`;

/** Opens a page of a store, which may write. */
async function looking(
  query: string,
  fill: (server: Server) => Promise<unknown>,
  use: (page: Page, it: Inspector, server: Server) => Promise<void>,
): Promise<void> {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await fill(server);
  await using it = await Inspector.start(server.directory, { args: ["--write"] });
  await using opened = await InspectorPage.open(it, query);
  await use(opened.page, it, server);
}

const besides = (page: Page) => page.getByRole("complementary");

const meta = (value: object) => ({ "xs-meta": btoa(JSON.stringify(value)) });

/** Frames of each kind, a handler with effects, a generator, and keys. */
async function full(server: Server): Promise<void> {
  await spawn(server, "handler", "counter", COUNTER);
  await spawn(server, "generator", "hourly", "echo hi", { runtime: "sh", every: "1h" });
  await server.append(
    "stream.cross.handler.spawn",
    "export default { run: 1 }",
    meta({ topic: "bad" }),
  );
  await server.append("door.front", "", meta({ open: true }));
  await server.append("note", '{"a":[1,{"b":null}],"c":"text"}');
  await server.append("note", "hello \u202e world");
  await server.fetch("/kv/views%2Fcount", { method: "PUT", body: "3" });
  await server.fetch("/kv/settings", { method: "PUT", body: '{"dark":true}' });
  await until("its output", async () => (await server.fetch("/last/counter.out")).ok);
}

const nothing = async () => {};

browserTest("axe finds nothing in an empty store, and in the prompt for a key", async () => {
  await looking("", nothing, async (page, it) => {
    await page.getByText("No events yet").waitFor();
    await expectAccessible(page, "no frames");
    await page.keyboard.press("2");
    await page.getByText("Nothing runs on this stream").waitFor();
    await expectAccessible(page, "no processors");
    await page.keyboard.press("3");
    await page.getByText("No keys").waitFor();
    await expectAccessible(page, "no keys");
    await page.evaluate("sessionStorage.clear()");
    await page.goto(it.origin);
    await page.getByText("This page needs a key").waitFor();
    await expectAccessible(page, "no key");
  });
});

browserTest("axe finds nothing in the stream, a frame, a search, and their dialogs", async () => {
  await looking("", full, async (page) => {
    await page.getByRole("option").filter({ hasText: "hello" }).waitFor();
    await expectAccessible(page, "the stream");
    await page.keyboard.press("Space");
    await page.getByRole("button", { name: "Go live" }).waitFor();
    await expectAccessible(page, "the stream, which rests");
    for (const text of ["hello", '{"a"', "counter.out"]) {
      await page.getByRole("option").filter({ hasText: text }).first().click();
      await besides(page).getByText("Causes and effects").waitFor();
      await besides(page).getByText("reading…").first().waitFor({ state: "detached" });
      await expectAccessible(page, `the frame with ${text}`);
    }
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
    await expectAccessible(page, "the list of keys");
    await page.keyboard.press("Escape");
    await page.keyboard.press("a");
    await page.getByRole("dialog", { name: "Append a frame" }).waitFor();
    await expectAccessible(page, "the form that appends");
    await page.keyboard.press("Escape");
    const origin = new URL(page.url()).origin;
    await page.goto(`${origin}/?q=hello`);
    await page.getByRole("option").filter({ hasText: "hello" }).waitFor();
    await expectAccessible(page, "a search");
    await page.goto(`${origin}/?topic=nobody&since=2h`);
    await page.getByText("No event is selected").waitFor();
    await expectAccessible(page, "a selection of nothing");
    await page.goto(`${origin}/?since=never`);
    await page.getByRole("alert").waitFor();
    await expectAccessible(page, "a bound that is none");
    await page.goto(`${origin}/?pane=topics`);
    await page.getByRole("treeitem").first().waitFor();
    await expectAccessible(page, "the topics on a phone");
  });
});

browserTest("axe finds nothing in the processors, and with one open", async () => {
  await looking("?view=processors", full, async (page) => {
    await page.getByRole("link", { name: "counter" }).waitFor();
    await page.getByText("invalid").first().waitFor();
    await expectAccessible(page, "the processors");
    await page.getByRole("link", { name: "counter" }).click();
    await besides(page).getByText("saw one").first().waitFor();
    await expectAccessible(page, "a processor");
    await besides(page).getByRole("link", { name: "Script" }).click();
    await besides(page).getByText("initial: 0").waitFor();
    await expectAccessible(page, "its script");
    await besides(page).getByRole("link", { name: "State" }).click();
    await besides(page).getByText("reading…").first().waitFor({ state: "detached" });
    await expectAccessible(page, "its state");
    await besides(page).getByRole("link", { name: "Now" }).click();
    await besides(page).getByRole("button", { name: "Stop…" }).click();
    await besides(page).getByRole("button", { name: "Stop it" }).waitFor();
    await expectAccessible(page, "asked whether to stop it");
  });
});

browserTest("axe finds nothing in the keys, with one open, and without a connection", async () => {
  await looking("?view=kv", full, async (page, it) => {
    await page.getByRole("option").filter({ hasText: "settings" }).waitFor();
    await expectAccessible(page, "the keys");
    await page.getByRole("option").filter({ hasText: "settings" }).click();
    await besides(page).getByRole("button", { name: "Edit" }).waitFor();
    await expectAccessible(page, "a key");
    await besides(page).getByRole("button", { name: "Edit" }).click();
    await page.getByLabel("The new value").waitFor();
    await expectAccessible(page, "a draft");
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "New…" }).click();
    await page.getByRole("dialog").waitFor();
    await expectAccessible(page, "the form of a new key");
    await page.keyboard.press("Escape");
    await it.stop("SIGKILL");
    await page.getByText("no connection, trying again…", { exact: true }).waitFor();
    await expectAccessible(page, "no connection");
    await page.keyboard.press("1");
    await page.getByText("nothing answers").first().waitFor();
    await expectAccessible(page, "a stream without a connection");
  });
});
