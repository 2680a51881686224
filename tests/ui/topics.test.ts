import { expect, setDefaultTimeout } from "bun:test";
import { browserTest } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { startServer } from "../support/server.ts";
import { appendBatch, endsWith, importFrames } from "../support/stream-page.ts";
import { tempDirectory } from "../support/temp.ts";
import { reaches, TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

browserTest("the topics are a tree with counts, by the keyboard alone", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await appendBatch(server, "sensor.kitchen.temp", 3);
  await appendBatch(server, "sensor.bath.temp", 2, 10);
  await appendBatch(server, "sensor", 1, 20);
  await appendBatch(server, "note", 4, 30);
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it);
  const { page, faults } = opened;
  const item = (name: RegExp) => page.getByRole("treeitem", { name });
  await item(/note.* 4 frames/).waitFor();
  await reaches("all topics", 5, () => page.getByRole("treeitem").count());
  const tree = page.getByRole("tree", { name: "Topics" });
  const active = (fits: RegExp) =>
    until(`${fits} is active`, async () => {
      const id = await tree.getAttribute("aria-activedescendant");
      const [text = ""] = await page.locator(`#${id}`).allTextContents();
      return fits.test(text);
    });
  const isExpanded = () => item(/sensor.* 6 frames/).getAttribute("aria-expanded");
  await tree.focus();
  await active(/^note/);
  await page.keyboard.press("ArrowDown");
  await active(/sensor.* 6 frames/);
  expect(await isExpanded()).toBe("true");
  await page.keyboard.press("ArrowLeft");
  await reaches("its topics are folded", 2, () => page.getByRole("treeitem").count());
  expect(await isExpanded()).toBe("false");
  await page.keyboard.press("ArrowRight");
  await reaches("they are unfolded", "true", isExpanded);
  await page.keyboard.press("ArrowRight");
  await active(/itself.* 1 frames/);
  await page.keyboard.press("End");
  await active(/kitchen\.temp.* 3 frames/);
  await page.keyboard.press("Enter");
  await endsWith(page, '"n":2');
  expect(new URL(page.url()).searchParams.get("topic")).toBe("sensor.kitchen.temp");
  await page.keyboard.press("ArrowLeft");
  await active(/sensor.* 6 frames/);
  await page.keyboard.press("Enter");
  await endsWith(page, '"n":20');
  await reaches("it is selected", "true", () =>
    item(/sensor.* 6 frames/).getAttribute("aria-selected"),
  );
  // Counts follow what comes, and the last hour has a picture.
  await appendBatch(server, "sensor.bath.temp", 5, 40);
  await item(/sensor.* 11 frames/).waitFor();
  await page.locator(".topic .spark path").first().waitFor({ state: "attached" });
  expect(faults).toEqual([]);
});

browserTest("ten thousand topics: few rows in the page, each found and reached", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await importFrames(server, 10_000, 1, (n) => `t.g${n % 100}.x${n}`);
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it);
  const { page, faults } = opened;
  const items = page.getByRole("treeitem");
  await items.first().waitFor();
  // They begin folded.
  expect(await items.count()).toBe(1);
  const tree = page.getByRole("tree", { name: "Topics" });
  await tree.focus();
  await page.keyboard.press("ArrowRight");
  await until("its groups", async () => (await items.count()) > 10);
  expect(await items.count()).toBeLessThan(100);
  await page.keyboard.press("End");
  await until("the last group", () => items.filter({ hasText: "g99" }).isVisible());
  await page.getByRole("searchbox", { name: "Find a topic" }).fill("X1234");
  await until("what is found", async () => (await items.count()) <= 3);
  await items.filter({ hasText: "x1234" }).click();
  await endsWith(page, '"n":1234');
  await page.getByRole("searchbox", { name: "Find a topic" }).fill("");
  // What is chosen can be seen: all above it is open.
  await until("it is in the tree", async () => {
    const chosen = page.locator('.topic[aria-selected="true"]');
    return (await chosen.count()) === 0 || (await chosen.isVisible());
  });
  expect(faults).toEqual([]);
});
