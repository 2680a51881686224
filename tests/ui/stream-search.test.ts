import { expect, setDefaultTimeout } from "bun:test";
import { browserTest } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { startServer } from "../support/server.ts";
import { appendBatch, beginsWith, endsWith, rowsInPage, walk } from "../support/stream-page.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

browserTest("a search finds, the newest first, with what it found marked", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await server.append("note", "call Ada\nand buy oat milk <b>today</b>");
  await appendBatch(server, "note", 50);
  await server.append("list", "Milk and bread");
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it);
  const { page, faults } = opened;
  await endsWith(page, "Milk and bread");
  await page.keyboard.press("/");
  await page.keyboard.type("milk");
  await page.keyboard.press("Enter");
  const hits = page.getByRole("listbox", { name: "Hits" }).getByRole("option");
  await hits.nth(1).waitFor();
  expect(await hits.allInnerTexts()).toEqual([
    expect.stringMatching(/list\s+Milk and bread/),
    expect.stringMatching(/note\s+.*oat milk <b>today/s),
  ]);
  expect(await page.locator("mark").allInnerTexts()).toEqual(["Milk", "milk"]);
  expect(new URL(page.url()).searchParams.get("q")).toBe("milk");
  // A hit opens its frame, and its place in the stream.
  await page.keyboard.press("Escape");
  await page.getByRole("listbox", { name: "Hits" }).focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.getByRole("complementary").getByText("call Ada").waitFor();
  await page.getByRole("link", { name: "Show in the stream" }).click();
  await beginsWith(page, "call Ada");
  await page.goBack();
  await hits.nth(1).waitFor();
  // What comes is counted, and searched again.
  await server.append("note", "more milk");
  await page.getByText("1 new").click();
  await page.getByText("3 events found").waitFor();
  await page.reload();
  await page.getByText("3 events found").waitFor();
  expect(faults).toEqual([]);
});

browserTest("a query that is none is explained, and one that finds nothing says so", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await server.append("note", "milk");
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it, '?q="buy');
  const { page, faults } = opened;
  await page.getByText("has no second one").waitFor();
  const field = page.getByRole("textbox", { name: "Search" });
  expect(await field.getAttribute("aria-invalid")).toBe("true");
  expect(await field.inputValue()).toBe('"buy');
  await field.fill("butter");
  await field.press("Enter");
  await page.getByText("Nothing found").waitFor();
  await page.getByRole("link", { name: "End the search" }).click();
  await endsWith(page, "milk");
  expect(faults).toEqual([]);
});

browserTest(
  "all hits are reached, also those of one millisecond, with few rows in the page",
  async () => {
    using home = tempDirectory();
    await using server = await startServer(`${home.path}/store`);
    const ids = [
      ...(await appendBatch(server, "note", 700)),
      ...(await appendBatch(server, "note", 300, 700)),
    ];
    await using it = await Inspector.start(server.directory);
    await using opened = await InspectorPage.open(it, "?q=topic%3Anote");
    const { page, faults } = opened;
    await page.getByText("100 events found, and more").waitFor();
    const down = await walk(page, 15, 200);
    expect(down.ids.toSorted().reverse()).toEqual(ids.toReversed());
    await until("all are there", () =>
      page.getByText("1,000 events found", { exact: true }).isVisible(),
    );
    expect(await rowsInPage(page)).toBeLessThan(200);
    expect(faults).toEqual([]);
  },
);
