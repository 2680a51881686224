import { expect, setDefaultTimeout } from "bun:test";
import type { Page } from "playwright-core";
import { browserTest } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { importLate, importLine, importLines } from "../support/late.ts";
import { startServer } from "../support/server.ts";
import {
  appendBatch,
  beginsWith,
  endsWith,
  importFrames,
  rowsInPage,
  scroll,
  seenRows,
  walk,
} from "../support/stream-page.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** `meta.n` of a row. */
function numberIn(text: string): number {
  return Number(/"n":(\d+)/.exec(text)?.[1]);
}

/** Waits until the place in the address is that of the first row. */
async function rests(page: Page): Promise<string> {
  return await until("the place is in the address", async () => {
    const [first] = await seenRows(page);
    const at = new URL(page.url()).searchParams.get("at");
    // The first row may be cut by the edge.
    return at !== null && first !== undefined && at <= first.id && at;
  });
}

browserTest(
  "it opens live at the end; a pause counts what comes, and the end shows it",
  async () => {
    using home = tempDirectory();
    await using server = await startServer(`${home.path}/store`);
    await appendBatch(server, "note", 100);
    await using it = await Inspector.start(server.directory);
    await using opened = await InspectorPage.open(it);
    const { page, faults } = opened;
    await endsWith(page, '"n":99');
    await server.append("note", "it is live");
    await endsWith(page, "it is live");
    await page.keyboard.press("Space");
    const before = await seenRows(page);
    await appendBatch(server, "note", 12, 100);
    await page.getByText("12 new").waitFor();
    expect(await seenRows(page)).toEqual(before);
    await page.getByRole("button", { name: "Go live" }).click();
    await endsWith(page, '"n":111');
    // Scrolling up pauses, and the end goes on by itself.
    await scroll(page, -600);
    await page.getByRole("button", { name: "Go live" }).waitFor();
    await appendBatch(server, "note", 3, 112);
    await page.getByText("3 new").waitFor();
    await until("the end goes on", async () => {
      await scroll(page, 2000);
      return await page.getByRole("button", { name: "Pause" }).isVisible();
    });
    await endsWith(page, '"n":114');
    expect(new URL(page.url()).search).toBe("");
    expect(faults).toEqual([]);
  },
);

browserTest("any place of a large store is reached, with few rows in the page", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  const count = 100_000;
  await importFrames(server, count, 36);
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it);
  const { page, faults } = opened;
  const most: number[] = [];
  const look = async () => most.push(await rowsInPage(page));
  await endsWith(page, `"n":${count - 1}`);
  await look();
  await page.keyboard.press("Home");
  await beginsWith(page, '"n":0}');
  await look();
  // Down through more than the window keeps, and up again: each step goes exactly so far, so nothing jumps.
  const down = await walk(page, 40, 75);
  expect(down.firsts).toEqual(down.firsts.map((_, at) => at * 40));
  expect(down.firsts.at(-1)).toBe(3000);
  await look();
  const up = await walk(page, -40, 75);
  expect(up.firsts).toEqual(down.firsts.toReversed());
  // A click into the chart goes to that time.
  const plot = page.locator(".histogram svg");
  const box = await plot.boundingBox();
  if (!box) throw new Error("there is no chart");
  await page.mouse.click(box.x + box.width / 2, box.y + 10);
  const middle = await until("rows of the middle", async () => {
    const [row] = await seenRows(page);
    const n = numberIn(row?.text ?? "");
    return n > count * 0.4 && n < count * 0.6 && n;
  });
  await rests(page);
  await look();
  // The place stays over a reload, and back goes to the one before.
  await scroll(page, -1000);
  await until("rows before", async () => {
    const [row] = await seenRows(page);
    return numberIn(row?.text ?? "") < middle;
  });
  await rests(page);
  await until("it rests", async () => {
    const at = new URL(page.url()).searchParams.get("at");
    await Bun.sleep(400);
    return at === new URL(page.url()).searchParams.get("at");
  });
  const place = page.url();
  const [before] = await seenRows(page);
  await page.reload();
  const isThere = async () => {
    const rows = await seenRows(page);
    return rows.slice(0, 2).some(({ id }) => id === before?.id);
  };
  await until("the place is the same", isThere);
  expect(page.url()).toBe(place);
  await page.keyboard.press("End");
  await endsWith(page, `"n":${count - 1}`);
  await page.goBack();
  await until("the place before", isThere);
  await page.goForward();
  await endsWith(page, `"n":${count - 1}`);
  expect(Math.max(...most)).toBeLessThan(200);
  expect(faults).toEqual([]);
});

browserTest("a burst is shown whole: nothing twice, nothing lost, and counted", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it);
  const { page, faults } = opened;
  await page.getByText("No events yet").waitFor();
  await page.getByText("live", { exact: true }).waitFor();
  const ids = await appendBatch(server, "note", 5000);
  await endsWith(page, '"n":4999');
  expect(await rowsInPage(page)).toBeLessThan(200);
  await page.locator(".topic-all").getByText("5,000").waitFor();
  // Up to the first of them.
  const up = await walk(page, -30, 200);
  expect(up.firsts.at(-1)).toBe(0);
  expect(up.ids.toSorted()).toEqual(ids);
  // While it pauses, a burst is a count.
  await appendBatch(server, "note", 5000, 5000);
  await page.getByText("5,000 new").waitFor();
  await page.keyboard.press("End");
  await endsWith(page, '"n":9999');
  expect(faults).toEqual([]);
});

browserTest(
  "late frames come to their place, and removed ones go; the visible rows stay",
  async () => {
    using home = tempDirectory();
    await using server = await startServer(`${home.path}/store`);
    await importLate(server, "old", 100, 1000);
    const ids = await appendBatch(server, "note", 50);
    await using it = await Inspector.start(server.directory);
    await using opened = await InspectorPage.open(it);
    const { page, faults } = opened;
    await endsWith(page, '"n":49');
    await page.keyboard.press("Home");
    await beginsWith(page, '"n":1000');
    await scroll(page, 1400);
    await until("it scrolled", async () => numberIn((await seenRows(page))[0]?.text ?? "") > 1030);
    const before = await seenRows(page);
    // Before all that is visible, and between it.
    await importLate(server, "early", 5, 100);
    const [, second] = before;
    await importLines(server, [importLine("late", `${second?.id.slice(0, -1)}z`, "between")]);
    await page.getByRole("option").filter({ hasText: "between" }).waitFor();
    const after = await seenRows(page);
    expect(after[0]).toEqual(before[0] as never);
    expect(after[2]?.text).toContain("between");
    expect(after[3]?.id).toBe(before[2]?.id as never);
    const gone = after.at(-3)?.id ?? "";
    await server.fetch(`/${gone}`, { method: "DELETE" });
    await page.locator(`#frame-${gone}`).waitFor({ state: "detached" });
    expect((await seenRows(page))[0]).toEqual(before[0] as never);
    await page.keyboard.press("Home");
    await beginsWith(page, '"n":100');
    await page.keyboard.press("End");
    await endsWith(page, '"n":49');
    expect(ids).toHaveLength(50);
    expect(faults).toEqual([]);
  },
);

browserTest(
  "what is not stored is marked, and shown though the person looked elsewhere",
  async () => {
    using home = tempDirectory();
    await using server = await startServer(`${home.path}/store`);
    await appendBatch(server, "note", 200);
    await using it = await Inspector.start(server.directory);
    await using opened = await InspectorPage.open(it);
    const { page } = opened;
    await endsWith(page, '"n":199');
    await server.append("passing?ttl=ephemeral", "first");
    await endsWith(page, "not stored");
    await page.keyboard.press("Space");
    await server.append("passing?ttl=ephemeral", "second");
    await server.append("note", "stored");
    await page.getByText("1 new").waitFor();
    await page.keyboard.press("Space");
    await endsWith(page, "stored");
    await page.getByRole("option").filter({ hasText: "second" }).waitFor();
  },
);

browserTest(
  "the runtime's frames are left out until they are asked for, and days are marked",
  async () => {
    using home = tempDirectory();
    await using server = await startServer(`${home.path}/store`);
    const day = 86_400_000;
    await importFrames(server, 6, day / 2);
    await using it = await Inspector.start(server.directory);
    await using opened = await InspectorPage.open(it);
    const { page } = opened;
    await endsWith(page, '"n":5');
    expect(await page.getByText("stream.cross.start").count()).toBe(0);
    expect(await page.locator(".row-date").count()).toBeGreaterThan(1);
    await page.getByLabel("runtime").check();
    await page.locator(".row-runtime").first().waitFor();
    expect(new URL(page.url()).searchParams.get("runtime")).toBe("show");
  },
);
