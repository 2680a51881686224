import { expect, setDefaultTimeout } from "bun:test";
import type { Page } from "playwright-core";
import { browserTest } from "../support/browser.ts";
import { focused, pressUntil } from "../support/focus.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { spawn } from "../support/processors.ts";
import { type Server, startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { reaches, TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** Opens a page of a store, on which nothing but the keyboard is used. */
async function keyboardOn(
  fill: (server: Server) => Promise<unknown>,
  use: (page: Page, server: Server) => Promise<void>,
  { query = "", args = [] }: { query?: string; args?: readonly string[] } = {},
): Promise<void> {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await fill(server);
  await using it = await Inspector.start(server.directory, { args });
  await using opened = await InspectorPage.open(it, query);
  await use(opened.page, server);
  expect(opened.faults).toEqual([]);
}

const queryOf = (page: Page) => new URL(page.url()).searchParams;
const besides = (page: Page) => page.getByRole("complementary");

async function notes(server: Server): Promise<void> {
  for (const text of ["one", "two", "three"]) await server.append("note", text);
  await server.append("door.front", "it rang");
}

browserTest(
  "the skip link goes to the list; a frame opens beside it, and closes to it",
  async () => {
    await keyboardOn(notes, async (page) => {
      await page.getByRole("option").filter({ hasText: "it rang" }).waitFor();
      await pressUntil(page, "Tab", ({ name }) => name === "Skip to the list", 1);
      await page.keyboard.press("Enter");
      await focused(page, "the list", ({ role }) => role === "listbox");
      await page.keyboard.press("ArrowUp");
      await focused(page, "the newest row", ({ row }) => row.includes("it rang"));
      await page.keyboard.press("ArrowUp");
      await focused(page, "the row before", ({ row }) => row.includes("three"));
      await besides(page).getByText("three").waitFor();
      await page.keyboard.press("Enter");
      await focused(page, "the frame", ({ role, name }) => role === "aside" && name === "Frame");
      // Here keys scroll, and those that go to neighbours are letters.
      const frame = queryOf(page).get("frame");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Space");
      expect(queryOf(page).get("frame")).toBe(frame);
      await page.keyboard.press("p");
      await besides(page).getByText("two").waitFor();
      await focused(page, "the frame", ({ isBeside }) => isBeside);
      await pressUntil(page, "Tab", ({ name }) => name === "Close the frame", 5);
      await page.keyboard.press("Space");
      await besides(page).waitFor({ state: "detached" });
      await focused(page, "the list again", ({ role }) => role === "listbox");
      await page.keyboard.press("j");
      await besides(page).waitFor();
      await page.keyboard.press("Escape");
      await besides(page).waitFor({ state: "detached" });
      await focused(page, "the list again", ({ role }) => role === "listbox");
    });
  },
);

browserTest(
  "a topic, a search and a time are chosen, and the focus stays where it is",
  async () => {
    await keyboardOn(notes, async (page) => {
      await page.getByRole("option").filter({ hasText: "it rang" }).waitFor();
      await pressUntil(page, "Tab", ({ role }) => role === "tree");
      await page.keyboard.press("End");
      await page.keyboard.press("Enter");
      await page.getByRole("option").filter({ hasText: "it rang" }).waitFor({ state: "detached" });
      expect(queryOf(page).get("topic")).toBe("note");
      await focused(page, "the tree still", ({ role }) => role === "tree");
      await page.keyboard.press("/");
      await focused(page, "the search", ({ role }) => role === "input");
      await page.keyboard.type("two");
      await page.keyboard.press("Enter");
      await page.getByRole("option").filter({ hasText: "two" }).waitFor();
      expect(queryOf(page).get("q")).toBe("two");
      await page.keyboard.press("Escape");
      await focused(page, "the hits", ({ role, name }) => role === "listbox" && name === "Hits");
      await page.keyboard.press("Escape");
      await page.getByRole("option").filter({ hasText: "three" }).waitFor();
      await focused(page, "the list", ({ role }) => role === "listbox");
      await page.keyboard.press("s");
      await page.keyboard.type("2h");
      await page.keyboard.press("Tab");
      await page.keyboard.type("1h");
      await page.keyboard.press("Enter");
      await page.getByText("No event is selected").waitFor();
      expect([queryOf(page).get("since"), queryOf(page).get("until")]).toEqual(["2h", "1h"]);
    });
  },
);

browserTest("Space pauses on the list and presses what else has the focus", async () => {
  await keyboardOn(notes, async (page, server) => {
    const live = page.getByRole("button", { name: /^(Pause|Go live)/ });
    await page.getByRole("option").filter({ hasText: "it rang" }).waitFor();
    await page.keyboard.press("Space");
    await page.getByRole("button", { name: "Go live" }).waitFor();
    await server.append("note", "while it rests");
    await page.getByRole("button", { name: "1 new" }).waitFor();
    await pressUntil(page, "Tab", ({ name }) => name.startsWith("Go live"));
    await page.keyboard.press("Space");
    await page.getByRole("button", { name: "Pause" }).waitFor();
    await page.getByText("while it rests").waitFor();
    await focused(page, "the button still", ({ name }) => name.startsWith("Pause"));
    // On a link Space goes to its place; the stream is as it was.
    await pressUntil(page, "Shift+Tab", ({ name }) => name === "Processors");
    await page.keyboard.press("Space");
    await until("the other view", async () => queryOf(page).get("view") === "processors");
    await focused(page, "the link still", ({ name }) => name === "Processors");
    await page.keyboard.press("1");
    await reaches("it goes on", "Pause", async () => (await live.allTextContents())[0]);
  });
});

browserTest("a field has its letters, and Escape goes from it to the list", async () => {
  await keyboardOn(notes, async (page) => {
    await page.getByRole("option").filter({ hasText: "it rang" }).waitFor();
    await pressUntil(page, "Tab", ({ role }) => role === "input");
    const place = page.url();
    await page.keyboard.type("j3?k ");
    expect(page.url()).toBe(place);
    expect(await page.getByRole("dialog").count()).toBe(0);
    await page.keyboard.press("Control+a");
    await page.keyboard.press("Delete");
    await page.keyboard.press("Escape");
    await focused(page, "the list", ({ role }) => role === "listbox");
  });
});

browserTest("the list of keys is a dialog: it has the focus, and gives it back", async () => {
  await keyboardOn(notes, async (page) => {
    await page.getByRole("option").filter({ hasText: "it rang" }).waitFor();
    await pressUntil(page, "Tab", ({ name }) => name === "Stream");
    await page.keyboard.press("?");
    const dialog = page.getByRole("dialog", { name: "Keyboard" });
    await dialog.getByText("pause, or go on").waitFor();
    expect(await page.getByRole("button", { name: "Close the list of keys" }).count()).toBe(1);
    // Nothing behind it hears a key, and Tab does not leave it for the page.
    const place = page.url();
    for (const key of ["ArrowUp", "j", "3", "Tab", "Tab", "Tab"]) {
      await page.keyboard.press(key);
      const isOutside = await page.evaluate<boolean>(`(() => {
        const { activeElement } = document;
        return activeElement !== document.body && !activeElement.closest("dialog");
      })()`);
      expect([key, isOutside]).toEqual([key, false]);
    }
    expect(page.url()).toBe(place);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    await focused(page, "where it was", ({ name }) => name === "Stream");
    // Each key is in it once.
    await page.keyboard.press("?");
    const names = await dialog.locator("kbd").allTextContents();
    expect(names.length).toBe(new Set(names).size);
  });
});

browserTest("a cause is followed, and back again, with the focus beside the list", async () => {
  const fill = async (server: Server) => {
    await spawn(
      server,
      "handler",
      "echo",
      `export default { topics: ["note"], run: () => ({ out: { said: true } }) };`,
    );
    await server.append("note", "hello");
    await until("the answer", async () => {
      return (await server.fetch("/last/echo.out")).ok;
    });
  };
  await keyboardOn(fill, async (page) => {
    await page.getByRole("option").filter({ hasText: "echo.out" }).waitFor();
    await page.keyboard.press("k");
    await besides(page).getByRole("heading", { name: "echo.out" }).waitFor();
    await page.keyboard.press("Enter");
    await focused(page, "the frame", ({ isBeside }) => isBeside);
    await besides(page).getByRole("treeitem").filter({ hasText: "note" }).waitFor();
    await pressUntil(page, "Tab", ({ role }) => role === "treeitem");
    await pressUntil(page, "ArrowUp", ({ name }) => name.includes("note"), 3);
    await page.keyboard.press("Enter");
    await besides(page).getByRole("heading", { name: "note" }).waitFor();
    await focused(page, "the frame", ({ isBeside }) => isBeside);
    await page.goBack();
    await besides(page).getByRole("heading", { name: "echo.out" }).waitFor();
    await page.keyboard.press("Escape");
    await besides(page).waitFor({ state: "detached" });
    await focused(page, "the list", ({ role }) => role === "listbox");
  });
});

browserTest("keys with values: choose, look, put and delete", async () => {
  const fill = async (server: Server) => {
    for (const key of ["a", "b", "c"]) {
      await server.fetch(`/kv/${key}`, { method: "PUT", body: `value of ${key}` });
    }
  };
  await keyboardOn(
    fill,
    async (page, server) => {
      await page.getByRole("option").filter({ hasText: "c" }).first().waitFor();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await besides(page).getByText("value of b").waitFor();
      await pressUntil(page, "Tab", ({ role }) => role === "listbox");
      await page.keyboard.press("Enter");
      await focused(page, "the entry", ({ isBeside }) => isBeside);
      await pressUntil(page, "Tab", ({ name }) => name === "Edit");
      await page.keyboard.press("Enter");
      await focused(page, "the field", ({ role }) => role === "textarea");
      await page.keyboard.press("End");
      await page.keyboard.type("!");
      await pressUntil(page, "Tab", ({ name }) => name === "Put");
      await page.keyboard.press("Enter");
      await until("the new value", async () => {
        return (await (await server.fetch("/kv/b")).text()) === "value of b!";
      });
      await focused(page, "the entry", ({ isBeside }) => isBeside);
      await besides(page).getByText("value of b!").waitFor();
      await pressUntil(page, "Tab", ({ name }) => name === "Delete…");
      await page.keyboard.press("Enter");
      await focused(page, "what loses nothing", ({ name }) => name === "Keep it");
      await pressUntil(page, "Shift+Tab", ({ name }) => name === "Delete it", 3);
      await page.keyboard.press("Enter");
      await until("it is gone", async () => (await server.fetch("/kv/b")).status === 404);
      await besides(page).waitFor({ state: "detached" });
      await focused(page, "the list", ({ role }) => role === "listbox");
    },
    { query: "?view=kv", args: ["--write"] },
  );
});

browserTest("processors: choose, go into one, and out of it", async () => {
  const fill = (server: Server) =>
    spawn(server, "handler", "echo", `export default { topics: ["note"], run() {} };`);
  await keyboardOn(
    fill,
    async (page) => {
      await page.getByRole("link", { name: "echo" }).waitFor();
      await page.keyboard.press("ArrowDown");
      await focused(page, "its row", ({ name }) => name === "echo");
      await page.keyboard.press("Enter");
      await besides(page).getByText("active").first().waitFor();
      await page.keyboard.press("Enter");
      await focused(page, "the processor", ({ isBeside }) => isBeside);
      await pressUntil(page, "Tab", ({ name }) => name === "Script");
      await page.keyboard.press("Space");
      await until("its script", async () => queryOf(page).get("part") === "script");
      await focused(page, "the link still", ({ name }) => name === "Script");
      await page.keyboard.press("Escape");
      await besides(page).waitFor({ state: "detached" });
      await focused(page, "its row", ({ name }) => name === "echo");
    },
    { query: "?view=processors" },
  );
});
