import { expect, setDefaultTimeout } from "bun:test";
import type { BrowserContextOptions, Page } from "playwright-core";
import { browserTest } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { spawn } from "../support/processors.ts";
import { type Server, startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const PLACES = ["", "?view=processors&processor=handler/counter", "?view=kv&key=settings"];

/** Opens a page of a store with frames, a handler and a key. */
async function looking(
  options: BrowserContextOptions,
  use: (page: Page, server: Server) => Promise<void>,
): Promise<void> {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await spawn(server, "handler", "counter", `export default { topics: ["no"], run() {} };`);
  for (let n = 0; n < 40; n++) await server.append(`note.${n % 3}`, `text ${n}`);
  await server.fetch("/kv/settings", { method: "PUT", body: '{"dark":true}' });
  await using it = await Inspector.start(server.directory, { args: ["--write"] });
  await using opened = await InspectorPage.open(it, "", options);
  await use(opened.page, server);
}

/** Goes to a place, and waits until something of it is shown. */
async function goTo(page: Page, query: string): Promise<void> {
  await page.goto(`${new URL(page.url()).origin}/${query}`);
  await page
    .locator(query === "" ? "[role=option]" : "aside dl")
    .first()
    .waitFor();
}

/** What does not fit: the page itself, and buttons whose text is cut. */
async function misfits(page: Page): Promise<string[]> {
  return await page.evaluate<string[]>(`(() => {
    const found = [];
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth > clientWidth) found.push("the page: " + scrollWidth + " > " + clientWidth);
    for (const each of document.querySelectorAll("button, nav a")) {
      const { right, width } = each.getBoundingClientRect();
      if (width === 0 || getComputedStyle(each).clipPath !== "none") continue;
      const isCut = each.scrollWidth > each.clientWidth + 1;
      if (isCut || right > clientWidth + 1) found.push(each.outerHTML);
    }
    return found;
  })()`);
}

browserTest("at a zoom of 200 %, and on the smallest phone, nothing is cut off", async () => {
  await looking({ viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 }, async (page) => {
    for (const width of [640, 320]) {
      await page.setViewportSize({ width, height: 500 });
      for (const query of PLACES) {
        await goTo(page, query);
        expect([width, query, await misfits(page)]).toEqual([width, query, []]);
      }
    }
  });
});

browserTest("with wider spacing of its text nothing is cut off", async () => {
  // As WCAG 1.4.12 has it.
  const content =
    "* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important }";
  await looking({ bypassCSP: true }, async (page) => {
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 800 });
      for (const query of PLACES) {
        await goTo(page, query);
        await page.addStyleTag({ content });
        expect([width, query, await misfits(page)]).toEqual([width, query, []]);
      }
    }
  });
});

browserTest(
  "with colours that a person forces, what is chosen is seen; nothing moves",
  async () => {
    await looking({ forcedColors: "active", reducedMotion: "reduce" }, async (page) => {
      await page.getByRole("option").filter({ hasText: "text 38" }).click();
      await page.getByRole("complementary").getByText("text 38").first().waitFor();
      const colours = await page
        .getByRole("option")
        .evaluateAll((rows) =>
          rows.map(
            (row) => `${row.ariaSelected} ${row.computedStyleMap().get("background-color")}`,
          ),
        );
      const chosen = colours.filter((colour) => colour.startsWith("true"));
      expect(chosen).toHaveLength(1);
      expect(colours).not.toContain((chosen[0] ?? "").replace("true", "false"));
      expect(await page.evaluate<number>("document.getAnimations().length")).toBe(0);
    });
  },
);

browserTest(
  "what is said aloud: a loss and its end, once; and once that new events wait",
  async () => {
    await looking({}, async (page, server) => {
      await page.getByRole("option").filter({ hasText: "text 39" }).waitFor();
      const said = async () =>
        (await page.getByRole("status").allTextContents()).filter((text) => text !== "");
      expect(await said()).toEqual([]);
      await page.keyboard.press("Space");
      for (let n = 0; n < 3; n++) await server.append("note", "while it rests");
      await page.getByRole("button", { name: "3 new" }).waitFor();
      expect(await said()).toEqual(["New events wait."]);
      await page.keyboard.press("Space");
      await until("nothing waits", async () => (await said()).length === 0);
      await server.stop("SIGKILL");
      await until("the loss", async () => (await said()).join().includes("connection lost"));
    });
  },
);

browserTest("the chart says what is under the pointer", async () => {
  await looking({}, async (page) => {
    const chart = page.getByRole("img", { name: /events from/ });
    await chart.hover({ position: { x: 30, y: 10 } });
    await page.getByText(/^\d+ events? from \d{4}-\d\d-\d\d \d\d:\d\d/).waitFor();
    await page.mouse.move(5, 5);
    await until("it is gone", async () => (await page.locator(".histogram-hover").count()) === 0);
  });
});
