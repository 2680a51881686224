import { expect, setDefaultTimeout } from "bun:test";
import type { Page } from "playwright-core";
import { browserTest, openBrowser } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { startServer } from "../support/server.ts";
import { endsWith } from "../support/stream-page.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

browserTest("a link that was used takes nothing from a tab that has a key", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await server.append("note", "still here");
  await using it = await Inspector.start(server.directory);
  const used = await it.link();
  await using opened = await InspectorPage.open(it, "?topic=note");
  const { page, faults } = opened;
  await fetch(`${it.origin}/key`, { method: "POST", body: used.split("#key=")[1] ?? "" });
  await endsWith(page, "still here");
  await page.goto(used);
  await endsWith(page, "still here");
  expect(page.url()).toBe(`${it.origin}/`);
  expect(faults).toEqual([]);
});

browserTest("a link is taken in the tab that asks for it, and leaves the address", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await server.append("note", "behind a key");
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it);
  const { page } = opened;
  await page.evaluate("sessionStorage.clear()");
  await page.reload();
  // Who comes here has a link to paste.
  await page.locator("input:focus").waitFor();
  // Only what is behind the # differs: the browser does not load the page again.
  await page.goto(await it.link());
  await endsWith(page, "behind a key");
  expect(page.url()).toBe(`${it.origin}/`);
});

browserTest("many tabs of one browser leave each other room, and say so", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await server.append("note", "in each tab");
  await using it = await Inspector.start(server.directory);
  const browser = await openBrowser();
  try {
    const context = await browser.newContext();
    const tabs: Page[] = [];
    for (let n = 0; n < 7; n++) {
      const tab = await context.newPage();
      tabs.push(tab);
      await tab.goto(await it.link());
      await endsWith(tab, "in each tab");
    }
    const last = tabs.at(-1);
    await last?.getByText("close another tab").waitFor();
    for (const tab of tabs.slice(0, 4)) await tab.close();
    await last?.locator(".live-live").waitFor();
  } finally {
    await browser.close();
  }
});
