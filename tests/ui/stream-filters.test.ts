import { expect, setDefaultTimeout } from "bun:test";
import type { Page } from "playwright-core";
import { browserTest } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { startServer } from "../support/server.ts";
import { appendBatch, endsWith, importFrames, seenRows } from "../support/stream-page.ts";
import { tempDirectory } from "../support/temp.ts";
import { reaches, TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

function inPlace(page: Page, name: string): string | null {
  return new URL(page.url()).searchParams.get(name);
}

browserTest("patterns and times select; what is wrong with them is said, and stays", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await importFrames(server, 240, 60_000, (n) => (n % 2 === 0 ? "door.front" : "note"));
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it);
  const { page, faults } = opened;
  await endsWith(page, '"n":239');
  const topics = page.getByRole("textbox", { name: "Topics" });
  const from = page.getByRole("textbox", { name: "From" });
  const to = page.getByRole("textbox", { name: "To", exact: true });
  await topics.fill("a**");
  await topics.press("Enter");
  await page.getByText("a * stands alone between dots").waitFor();
  expect(await topics.getAttribute("aria-invalid")).toBe("true");
  expect(await topics.inputValue()).toBe("a**");
  await page.keyboard.press("Escape");
  await topics.fill("door.*");
  await topics.press("Enter");
  await endsWith(page, '"n":238');
  expect(inPlace(page, "topic")).toBe("door.*");
  await from.fill("12");
  await from.press("Enter");
  await page.getByText('a number needs a unit, like "12m"').waitFor();
  await from.fill("30m");
  await to.fill("2026-02-30");
  await to.press("Enter");
  await page.getByText("there is no such day or hour").waitFor();
  await to.fill("1h");
  await to.press("Enter");
  await page.getByText("the end is before the begin").waitFor();
  await from.fill("2h");
  await from.press("Enter");
  await until("the frames between", async () => {
    const rows = await seenRows(page);
    const [n] = /"n":(\d+)/.exec(rows.at(-1)?.text ?? "")?.slice(1) ?? [];
    return Number(n) > 170 && Number(n) < 182;
  });
  // Nothing comes any more before the end: there is nothing to pause.
  await page.getByRole("button", { name: "Pause" }).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Wider" }).click();
  await until("a wider time", () => inPlace(page, "until") !== "1h");
  await page.getByRole("button", { name: "All time" }).click();
  await endsWith(page, '"n":238');
  expect(inPlace(page, "since")).toBeNull();
  await page.goBack();
  await page.goBack();
  await reaches("the begin in the place", "2h", async () => inPlace(page, "since"));
  await reaches("the begin in its field", "2h", () => from.inputValue());
  expect(faults).toEqual([]);
});

browserTest("a drag over the chart selects that time, in the person's own", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await importFrames(server, 600, 60_000);
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it, "", { timezoneId: "Asia/Kolkata" });
  const { page, faults } = opened;
  await endsWith(page, '"n":599');
  const box = await page.locator(".histogram svg").boundingBox();
  if (!box) throw new Error("there is no chart");
  await page.mouse.move(box.x + box.width * 0.2, box.y + 10);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.4, box.y + 10, { steps: 4 });
  await page.mouse.up();
  await until("a time is selected", () => inPlace(page, "since") !== null);
  const numbers = await until("its frames", async () => {
    const rows = await seenRows(page);
    const found = rows.map(({ text }) => Number(/"n":(\d+)/.exec(text)?.[1]));
    return found.length > 0 && (found.at(-1) ?? 999) < 300 && found;
  });
  expect(numbers.at(-1)).toBeGreaterThan(180);
  // The field shows it in local time, and what is written there is local too.
  const since = new Date(inPlace(page, "since") ?? "");
  const local = new Date(since.getTime() + 5.5 * 3_600_000).toISOString();
  const from = page.getByRole("textbox", { name: "From" });
  await until("the local time", async () =>
    (await from.inputValue()).includes(local.slice(11, 16)),
  );
  await from.fill("2026-01-02 05:30");
  await page.keyboard.press("Enter");
  await until("it is selected", () => inPlace(page, "since") === "2026-01-02T00:00:00.000Z");
  expect(faults).toEqual([]);
});

browserTest("on a phone the topics are a drawer, and back closes the frame", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await appendBatch(server, "door.front", 30);
  await appendBatch(server, "note", 30, 100);
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it, "", {
    viewport: { width: 390, height: 844 },
    hasTouch: true,
  });
  const { page, faults } = opened;
  await endsWith(page, '"n":129');
  const tree = page.getByRole("tree", { name: "Topics" });
  expect(await tree.isVisible()).toBe(false);
  await page.getByRole("link", { name: "Topics" }).tap();
  await tree.waitFor();
  await page.getByRole("treeitem", { name: /door/ }).tap();
  await endsWith(page, '"n":29');
  await tree.waitFor({ state: "hidden" });
  await page.getByRole("option").last().tap();
  await page.getByRole("complementary").waitFor();
  await page.goBack();
  await page.getByRole("complementary").waitFor({ state: "detached" });
  expect(inPlace(page, "topic")).toBe("door.front");
  await page.getByRole("link", { name: "Topics" }).tap();
  await page.goBack();
  await until("the drawer is closed", async () => !(await tree.isVisible()));
  await page.getByRole("button", { name: "Filter" }).tap();
  await page.getByRole("textbox", { name: "From" }).fill("1m");
  expect(
    await page.evaluate(
      "document.documentElement.scrollWidth <= document.documentElement.clientWidth",
    ),
  ).toBe(true);
  expect(faults).toEqual([]);
});
