import { expect, setDefaultTimeout } from "bun:test";
import type { Page } from "playwright-core";
import { browserTest } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { serving } from "../support/processors.ts";
import { type Server, startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { reaches, TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

async function put(
  server: Server,
  key: string,
  value: string | Uint8Array<ArrayBuffer>,
  type = "text/plain; charset=utf-8",
): Promise<void> {
  const path = `/kv/${encodeURIComponent(key)}`;
  const init = { method: "PUT", body: value, headers: { "content-type": type } };
  const response = await server.fetch(path, init);
  if (!response.ok) throw new Error(await response.text());
}

async function valueAt(server: Server, key: string): Promise<string | undefined> {
  const response = await server.fetch(`/kv/${encodeURIComponent(key)}`);
  const text = await response.text();
  return response.ok ? text : undefined;
}

/** Opens the keys of a store. */
async function looking(
  server: Server,
  query: string,
  use: (page: Page) => Promise<void>,
  args: readonly string[] = ["--write"],
): Promise<void> {
  await using inspector = await Inspector.start(server.directory, { args });
  await using it = await InspectorPage.open(inspector, `?view=kv${query}`);
  await use(it.page);
  expect(it.faults).toEqual([]);
}

const rows = (page: Page) => page.getByRole("option");
const rowOf = (page: Page, name: string) => rows(page).filter({ hasText: name });
const entryOf = (page: Page) => page.getByRole("complementary", { name: "Entry" });
const queryOf = (page: Page) => new URL(page.url()).searchParams;
const button = (page: Page, name: string) =>
  entryOf(page).getByRole("button", { name, exact: true });

browserTest("keys are listed and watched, and a value is shown as what it is", async () => {
  await serving(async (server) => {
    await looking(server, "", async (page) => {
      await page.getByText("No keys", { exact: true }).waitFor();
      await put(server, "views/count", "3");
      await put(server, "views/json", '{"open":true,"n":12345678901234567890}', "application/json");
      await put(server, "bytes", Uint8Array.of(0, 1, 255), "application/octet-stream");
      await rowOf(page, "views/json").click();
      await entryOf(page).getByText("12345678901234567890").waitFor();
      expect(queryOf(page).get("key")).toBe("views/json");
      await rowOf(page, "bytes").click();
      await entryOf(page).getByText("00 01 ff").waitFor();
      await rowOf(page, "views/count").click();
      await entryOf(page).getByText("3", { exact: true }).waitFor();
      await put(server, "views/count", "4711");
      await entryOf(page).getByText("4711", { exact: true }).waitFor();
      await page.reload();
      await entryOf(page).getByText("4711", { exact: true }).waitFor();
      await page.goBack();
      await entryOf(page).getByText("00 01 ff").waitFor();
      // It is deleted while it is open.
      await server.fetch("/kv/bytes", { method: "DELETE" });
      await entryOf(page).getByText("There is no such key").waitFor();
      await until("two rows", async () => (await rows(page).count()) === 2);
    });
  });
});

browserTest("the keyboard goes through the keys and the folders", async () => {
  await serving(async (server) => {
    for (const key of ["a", "views/x/1", "views/x/2", "views/y", "z"]) await put(server, key, key);
    await looking(server, "&list=folders", async (page) => {
      await rowOf(page, "views/").waitFor();
      expect(await rows(page).count()).toBe(3);
      await page.getByRole("listbox").focus();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await rowOf(page, "x/").waitFor();
      expect(queryOf(page).get("prefix")).toBe("views/");
      await page.getByRole("navigation", { name: "Folders" }).getByText("views/").waitFor();
      await page.getByRole("listbox").focus();
      await page.keyboard.press("End");
      await page.keyboard.press("Enter");
      await entryOf(page).getByText("views/y").first().waitFor();
      await page.keyboard.press("Escape");
      await until("it is closed", () => queryOf(page).get("key") === null);
      await page.getByRole("link", { name: "all", exact: true }).click();
      await rowOf(page, "z").waitFor();
      await page.goBack();
      await rowOf(page, "x/").waitFor();
    });
  });
});

browserTest(
  "a change is put on the condition of its revision, and a draft is kept where somebody else was faster",
  async () => {
    await serving(async (server) => {
      await put(server, "note", "one");
      await put(server, "other", "two");
      await looking(server, "&key=note", async (page) => {
        const field = entryOf(page).getByRole("textbox", { name: "The new value" });
        await button(page, "Edit").click();
        await field.fill("mine");
        // The draft stays while the person looks elsewhere.
        await rowOf(page, "other").click();
        await entryOf(page).getByText("two", { exact: true }).waitFor();
        await rowOf(page, "note").getByText("draft").waitFor();
        await rowOf(page, "note").click();
        await reaches("the draft", "mine", () => field.inputValue());
        await button(page, "Put").click();
        await entryOf(page).getByText("It is put.").waitFor();
        expect(await valueAt(server, "note")).toBe("mine");

        await button(page, "Edit").click();
        await field.fill("mine again");
        await put(server, "note", "theirs");
        await entryOf(page).getByText("Somebody changed it meanwhile").waitFor();
        await entryOf(page).getByText("theirs", { exact: true }).waitFor();
        expect(await field.inputValue()).toBe("mine again");
        expect(await valueAt(server, "note")).toBe("theirs");
        await button(page, "Put mine over it").click();
        await entryOf(page).getByText("It is put.").waitFor();
        expect(await valueAt(server, "note")).toBe("mine again");

        await button(page, "Edit").click();
        await field.fill("mine at last");
        await server.fetch("/kv/note", { method: "DELETE" });
        await entryOf(page).getByText("Somebody deleted it meanwhile").waitFor();
        await button(page, "Put it again").click();
        await until("it is there", async () => (await valueAt(server, "note")) === "mine at last");
      });
    });
  },
);

browserTest(
  "a write that comes after another one is refused by the store, and nothing is lost",
  async () => {
    await serving(async (server) => {
      await put(server, "note", "one");
      await looking(server, "&key=note", async (page) => {
        const field = entryOf(page).getByRole("textbox", { name: "The new value" });
        await button(page, "Edit").click();
        await field.fill("mine");
        // The page does not hear of the change before it puts.
        let isHeld = true;
        await page.route("**/api/kv/note", async (route) => {
          if (isHeld && route.request().method() === "PUT") {
            isHeld = false;
            await put(server, "note", "theirs");
          }
          await route.continue();
        });
        await button(page, "Put").click();
        await entryOf(page).getByText("Somebody changed it meanwhile").waitFor();
        expect(await valueAt(server, "note")).toBe("theirs");
        expect(await field.inputValue()).toBe("mine");
        await button(page, "Take theirs").click();
        await entryOf(page).getByText("theirs", { exact: true }).waitFor();
      });
    });
  },
);

browserTest("an entry is deleted after asking, and made where there is none", async () => {
  await serving(async (server) => {
    await put(server, "old", "x");
    await looking(server, "&key=old&prefix=", async (page) => {
      await button(page, "Delete…").click();
      await button(page, "Keep it").click();
      await button(page, "Delete…").click();
      await button(page, "Delete it").click();
      await page.getByText("No keys", { exact: true }).waitFor();
      expect(await valueAt(server, "old")).toBe(undefined);

      await page.getByRole("button", { name: "New…" }).click();
      const dialog = page.getByRole("dialog", { name: "New entry" });
      await dialog.getByLabel("Key").fill("views/new");
      await dialog.getByLabel("Type").selectOption("JSON");
      await dialog.getByLabel("Value").fill("{oops");
      await dialog.getByRole("button", { name: "Put" }).click();
      await dialog.getByRole("alert").waitFor();
      await dialog.getByLabel("Value").fill('{"a":1}');
      await dialog.getByRole("button", { name: "Put" }).click();
      await entryOf(page).getByText("application/json").first().waitFor();
      expect(await valueAt(server, "views/new")).toBe('{"a":1}');

      await page.getByRole("button", { name: "New…" }).click();
      await dialog.getByLabel("Key").fill("views/new");
      await dialog.getByLabel("Value").fill("other");
      await dialog.getByRole("button", { name: "Put" }).click();
      await dialog.getByText("There is such a key already").waitFor();
      expect(await valueAt(server, "views/new")).toBe('{"a":1}');
    });
  });
});

browserTest(
  "without --write nothing can be changed, and the keys of the runtime never",
  async () => {
    await serving(async (server) => {
      await put(server, "note", "one");
      const spawn = {
        topic: "stream.cross.handler.spawn",
        meta: { topic: "h" },
        content: "export default { initial: 1, run() { return { next: 2 }; } }",
      };
      await (
        await server.fetch("/stream", { method: "POST", body: JSON.stringify(spawn) })
      ).bytes();
      await server.append("go");
      const key = "stream.cross.handler/h";
      await until("its record", async () => (await valueAt(server, key)) !== undefined);
      const look = async (page: Page) => {
        await rowOf(page, "note").waitFor();
        expect(await rowOf(page, key).count()).toBe(0);
        await page.getByRole("checkbox", { name: "runtime" }).check();
        await rowOf(page, key).click();
        await entryOf(page).getByText("by h").waitFor();
        expect(
          await entryOf(page)
            .getByRole("button", { name: /Edit|Delete/ })
            .count(),
        ).toBe(0);
      };
      await looking(server, "", look);
      await looking(
        server,
        "",
        async (page) => {
          await look(page);
          await rowOf(page, "note").click();
          await entryOf(page).getByText("one", { exact: true }).waitFor();
          expect(
            await entryOf(page)
              .getByRole("button", { name: /Edit|Delete/ })
              .count(),
          ).toBe(0);
          expect(await page.getByRole("button", { name: "New…" }).count()).toBe(0);
        },
        [],
      );
    });
  },
);

browserTest("hostile keys and values stay text, and are read and changed as any", async () => {
  await serving(async (server) => {
    const keys = [
      "<script>alert(1)</script>",
      "a/../b",
      "../../etc/passwd",
      "?view=stream&key=x#y",
      "\u202egnp.exe",
      "💡 %2f %00",
      "k".repeat(512),
      "\"'`\\",
    ];
    for (const key of keys)
      await put(server, key, `value of ${key.length} <img src=x onerror=alert(1)>`);
    await looking(server, "", async (page) => {
      await until("all rows", async () => (await rows(page).count()) === keys.length);
      expect(await page.getByText("\\u{202e}").count()).toBeGreaterThan(0);
      let before = "";
      for (let at = 0; at < keys.length; at++) {
        await rows(page).nth(at).click();
        const { now: key } = await until("another key is chosen", () => {
          const now = queryOf(page).get("key") ?? "";
          return now !== before && { now };
        });
        before = key;
        expect(keys).toContain(key);
        await entryOf(page).getByText(`value of ${key.length} <img`).waitFor();
        await page.reload();
        await entryOf(page).getByText(`value of ${key.length} <img`).waitFor();
        await button(page, "Edit").click();
        await entryOf(page).getByRole("textbox").fill(`new ${at}`);
        await button(page, "Put").click();
        await entryOf(page).getByText(`new ${at}`, { exact: true }).waitFor();
        expect(await valueAt(server, key)).toBe(`new ${at}`);
      }
      await page.setViewportSize({ width: 390, height: 800 });
      await reaches("the width", 390, () =>
        page.evaluate<number>("document.documentElement.scrollWidth"),
      );
    });
  });
});

browserTest("a key that there cannot be, and a prefix, are refused with the reason", async () => {
  await serving(async (server) => {
    await put(server, "note", "one");
    await looking(server, "", async (page) => {
      await rowOf(page, "note").waitFor();
      await page.getByRole("button", { name: "New…" }).click();
      const dialog = page.getByRole("dialog", { name: "New entry" });
      for (const [key, reason] of [
        ["..", "means a folder"],
        ["stream.cross.mine", "belongs to the runtime"],
        ["é".repeat(300), "longer than 512 bytes"],
      ] as const) {
        await dialog.getByLabel("Key").fill(key);
        await dialog.getByRole("button", { name: "Put" }).click();
        await dialog.getByText(reason).waitFor();
      }
      await dialog.getByRole("button", { name: "Cancel" }).click();
      const prefix = page.getByRole("textbox", { name: "Prefix" });
      await prefix.fill("..");
      await prefix.press("Enter");
      await page.getByText("means a folder").first().waitFor();
      await prefix.fill("no");
      await prefix.press("Enter");
      await rowOf(page, "note").waitFor();
    });
  });
});

browserTest(
  "twenty thousand keys are usable, and only the visible rows are in the page",
  async () => {
    await serving(async (server) => {
      const script = `export default { topics: ["fill"], run(frame, state, xs) {
      for (let n = 0; n < 5000; n++) xs.kv.put("k/" + String(frame.meta.from + n).padStart(6, "0"), "v" + n);
    } }`;
      const spawn = {
        topic: "stream.cross.handler.spawn",
        meta: { topic: "filler" },
        content: script,
      };
      const fills = [0, 1, 2, 3].map((n) => ({ topic: "fill", meta: { from: n * 5000 } }));
      const body = [spawn, ...fills].map((each) => JSON.stringify(each)).join("\n");
      await (await server.fetch("/stream", { method: "POST", body })).bytes();
      await until("the last key", async () => (await valueAt(server, "k/019999")) !== undefined);
      await looking(server, "", async (page) => {
        await page.getByText("20,000 keys").waitFor();
        expect(await rows(page).count()).toBeLessThan(100);
        await page.getByRole("listbox").focus();
        await page.keyboard.press("End");
        await rowOf(page, "k/019999").waitFor();
        await put(server, "k/010000", "changed");
        await page.keyboard.press("Enter");
        await entryOf(page).getByText("v4999", { exact: true }).waitFor();
        await page.getByRole("textbox", { name: "Prefix" }).fill("k/0123");
        await page.keyboard.press("Enter");
        await page.getByText("100 keys").waitFor();
      });
    });
  },
);

browserTest("the server ends and comes back: what changed meanwhile is there", async () => {
  using home = tempDirectory();
  const directory = `${home.path}/store`;
  const first = await startServer(directory);
  await put(first, "one", "1");
  await put(first, "two", "2");
  await using inspector = await Inspector.start(directory);
  await using it = await InspectorPage.open(inspector, "?view=kv");
  await rowOf(it.page, "two").waitFor();
  expect(await first.stop("SIGTERM")).toBe(0);
  await it.page
    .getByText(/no connection/i)
    .first()
    .waitFor();
  expect(await rows(it.page).count()).toBe(2);
  await using second = await startServer(directory);
  await second.fetch("/kv/one", { method: "DELETE" });
  await put(second, "three", "3");
  await rowOf(it.page, "three").waitFor();
  await until("what is gone is gone", async () => (await rows(it.page).count()) === 2);
});
