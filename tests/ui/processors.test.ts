import { expect, setDefaultTimeout } from "bun:test";
import type { Page } from "playwright-core";
import { browserTest } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { answered, ask, framesOf, say, serving, spawn } from "../support/processors.ts";
import { type Server, startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { reaches, TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const COUNTER = `export default {
  topics: ["note"],
  initial: { notes: 0 },
  run(frame, state) { console.error("saw " + frame.id); return { next: { notes: state.notes + 1 } }; },
};
`;

/** Opens the processors of a store. */
async function looking(
  server: Server,
  query: string,
  use: (page: Page, it: InspectorPage) => Promise<void>,
  args: readonly string[] = [],
): Promise<void> {
  await using inspector = await Inspector.start(server.directory, { args });
  await using it = await InspectorPage.open(inspector, `?view=processors${query}`);
  await use(it.page, it);
  expect(it.faults).toEqual([]);
}

const rowOf = (page: Page, name: string) =>
  page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });
const detail = (page: Page) => page.getByRole("complementary", { name: "Processor" });
const queryOf = (page: Page) => new URL(page.url()).searchParams;

browserTest(
  "all processors are listed, live, with reasons; and those that are wanted are found",
  async () => {
    await serving(async (server) => {
      await looking(server, "", async (page) => {
        await page.getByText("Nothing runs on this stream").waitFor();
        await spawn(server, "handler", "counter", COUNTER);
        await rowOf(page, "counter").getByText("active").waitFor();
        await spawn(server, "generator", "hourly", "echo hi", { runtime: "sh", every: "1h" });
        await rowOf(page, "hourly")
          .getByText(/in (1 h|\d+ m)/)
          .waitFor();
        const bad = await spawn(
          server,
          "handler",
          "bad",
          "export default () => { throw new Error('no <b>such</b> user'); }",
        );
        await say(server, "note");
        await answered(server, bad, "failed");
        await rowOf(page, "bad").getByText("failed").waitFor();
        await rowOf(page, "bad").getByText("no <b>such</b> user").waitFor();
        await page.getByRole("searchbox").fill("failed handler");
        await until("one row", async () => (await page.locator("tbody tr").count()) === 1);
        await reaches("the place", "failed handler", async () => queryOf(page).get("find"));
        await page.reload();
        await rowOf(page, "bad").waitFor();
        expect(await page.locator("tbody tr").count()).toBe(1);
      });
    });
  },
);

browserTest(
  "the keyboard goes through the list, opens, goes through the parts and closes",
  async () => {
    await serving(async (server) => {
      for (const name of ["one", "two", "three"]) await spawn(server, "handler", name, COUNTER);
      await looking(server, "", async (page) => {
        await rowOf(page, "three").waitFor();
        await page.keyboard.press("ArrowDown");
        await page.keyboard.press("ArrowDown");
        expect(queryOf(page).get("processor")).toBe(null);
        await page.keyboard.press("Enter");
        await detail(page).getByRole("heading", { name: "two", exact: true }).waitFor();
        await page.keyboard.press("ArrowDown");
        await detail(page).getByRole("heading", { name: "three", exact: true }).waitFor();
        await page.keyboard.press("ArrowRight");
        await detail(page).getByText("initial: { notes: 0 }").waitFor();
        expect(queryOf(page).get("part")).toBe("script");
        await page.keyboard.press("Escape");
        await until("the list again", () => queryOf(page).get("processor") === null);
        await until("the focus in the list", () =>
          page.evaluate<boolean>("document.activeElement?.textContent === 'three'"),
        );
        await page.goBack();
        await detail(page).getByText("initial: { notes: 0 }").waitFor();
      });
    });
  },
);

browserTest(
  "stderr and what became of a processor come live, the newest at the end, older ones when wanted",
  async () => {
    await serving(async (server) => {
      await spawn(server, "handler", "counter", COUNTER);
      await spawn(
        server,
        "generator",
        "counter",
        "for i in $(seq 450); do echo line $i >&2; done; cat > /dev/null",
        { runtime: "sh", duplex: true },
      );
      await until(
        "all lines",
        async () => (await framesOf(server, "counter.stderr")).length === 450,
      );
      await looking(server, "&processor=generator/counter", async (page) => {
        const log = detail(page).getByRole("region", { name: "Log" });
        await log.getByText("line 450", { exact: true }).waitFor();
        const isAtEnd = () =>
          log.evaluate((box) => box.scrollTop + box.clientHeight >= box.scrollHeight - 2);
        await until("the end", isAtEnd);
        // The handler of this name writes to the same topic.
        const note = await say(server, "note");
        await until(
          "its line",
          async () => (await framesOf(server, "counter.stderr")).length === 451,
        );
        await say(server, "stream.cross.generator.terminate", { topic: "counter", keep: true });
        await log.getByText("stopped", { exact: true }).waitFor();
        await until("the end", isAtEnd);
        expect(await log.getByText(`saw ${note.id}`).count()).toBe(0);
        await page.getByRole("link", { name: "counter", exact: true }).first().click();
        await log.getByText(`saw ${note.id}`).waitFor();
        expect(await log.getByText(/^line /).count()).toBe(0);
      });
    });
  },
);

browserTest(
  "older lines come when they are wanted, and the person stays where they are",
  async () => {
    await serving(async (server) => {
      const { id } = await spawn(server, "handler", "faulty", COUNTER);
      // What the runtime writes where a handler goes on after a failure; there is no limit to them.
      const fail = async (from: number, count: number) => {
        const lines = Array.from({ length: count }, (_, n) =>
          JSON.stringify({
            topic: "faulty.error",
            meta: { handler_id: id, reason: `no ${from + n} here` },
          }),
        );
        await (await server.fetch("/stream", { method: "POST", body: lines.join("\n") })).bytes();
      };
      await fail(0, 700);
      await looking(server, "&processor=handler/faulty", async (page) => {
        const log = detail(page).getByRole("region", { name: "Log" });
        await log.getByText("no 699 ").waitFor();
        expect(await log.getByText("no 100 ").count()).toBe(0);
        const more = log.getByRole("button", { name: "Older lines" });
        await log.evaluate((box) => {
          box.scrollTop = 0;
        });
        const line = log.getByText("no 201 here");
        // In the box: what stands above the log may come later, or grow.
        const place = () =>
          line.evaluate(
            (element) =>
              element.getBoundingClientRect().top -
              (element.closest(".log")?.getBoundingClientRect().top ?? Number.NaN),
          );
        const placeBefore = await place();
        await more.click();
        await until("all lines", async () => (await log.locator(".log-line").count()) === 701);
        await until("no more of them", async () => (await more.count()) === 0);
        // Where the button was there is a line now.
        expect(Math.abs((await place()) - placeBefore)).toBeLessThan(60);
        await log.getByText("active", { exact: true }).waitFor();
        // The person is not at the end: what comes leaves them there.
        const before = await log.evaluate((box) => box.scrollTop);
        await fail(700, 1);
        await log.getByText("no 700 ").waitFor({ state: "attached" });
        expect(await log.evaluate((box) => box.scrollTop)).toBe(before);
        await detail(page).getByRole("button", { name: "To the newest line" }).click();
        await until("the end", () =>
          log.evaluate((box) => box.scrollTop + box.clientHeight >= box.scrollHeight - 2),
        );
      });
    });
  },
);

browserTest(
  "how far a handler is behind is a line, which stays while the person is elsewhere",
  async () => {
    await serving(async (server) => {
      await spawn(server, "handler", "counter", COUNTER);
      await looking(server, "&processor=handler/counter", async (page) => {
        const chart = detail(page).getByRole("img", { name: /^now 0 ms behind/ });
        await chart.waitFor();
        const since = (await chart.getAttribute("aria-label")) ?? "";
        await page.keyboard.press("3");
        await page.getByRole("textbox", { name: "Prefix" }).waitFor();
        await page.goBack();
        await chart.waitFor();
        expect(await chart.getAttribute("aria-label")).toBe(since);
      });
    });
  },
);

browserTest(
  "a handler that waits for a frame says which, when, why, and what its exit was",
  async () => {
    await serving(async (server) => {
      await spawn(
        server,
        "handler",
        "mailer",
        "export default { topics: ['mail'], on_error: 'retry', retries: 7, run() { throw new Error('503 there'); } }",
      );
      const mail = await say(server, "mail");
      await spawn(server, "generator", "crash", "exit 3", { runtime: "sh" });
      await looking(server, "&processor=handler/mailer", async (page) => {
        await detail(page).getByText("503 there").first().waitFor();
        await detail(page).getByText("at most 7 times").waitFor();
        await detail(page).getByRole("link", { name: "frame", exact: true }).click();
        await until("that frame", () => queryOf(page).get("frame") === mail.id);
        await page.goBack();
        await rowOf(page, "crash").getByRole("link").click();
        await detail(page).getByText("code 3").first().waitFor();
      });
    });
  },
);

browserTest(
  "the script is shown as it was written, its options, and what differs from the one before",
  async () => {
    await serving(async (server) => {
      await spawn(server, "handler", "counter", COUNTER, { on_error: "skip" });
      await spawn(server, "handler", "other", COUNTER);
      await spawn(server, "handler", "counter", COUNTER.replace("saw", "met"), {
        on_error: "fail",
      });
      // A restart repeats the spawn.
      await spawn(server, "handler", "counter", COUNTER.replace("saw", "met"), {
        on_error: "fail",
        resume: true,
      });
      await looking(server, "&processor=handler/counter&part=script", async (page) => {
        await detail(page).getByText('console.error("met "').waitFor();
        await detail(page).getByRole("row", { name: "on_error fail" }).waitFor();
        await detail(page).getByRole("link", { name: "Changes" }).click();
        const changes = detail(page).getByRole("region", { name: "What changed in the script" });
        await changes.locator(".diff-old", { hasText: '"saw "' }).waitFor();
        await changes.locator(".diff-new", { hasText: '"met "' }).waitFor();
        await detail(page).locator(".diff-new", { hasText: 'on_error: "fail"' }).waitFor();
        await page.reload();
        await changes.locator(".diff-new", { hasText: '"met "' }).waitFor();
        await page.getByRole("link", { name: "other", exact: true }).click();
        await detail(page).getByRole("link", { name: "Changes" }).click();
        await detail(page).getByText("There is none before").waitFor();
      });
    });
  },
);

browserTest("the state of a handler is shown as it is, and before and after a frame", async () => {
  await serving(async (server) => {
    await spawn(server, "handler", "counter", COUNTER);
    const notes = [await say(server, "note"), await say(server, "note"), await say(server, "note")];
    await looking(server, "&processor=handler/counter&part=state", async (page) => {
      await detail(page).locator(".json-line", { hasText: "notes: 3" }).waitFor();
      await say(server, "note");
      await detail(page).locator(".json-line", { hasText: "notes: 4" }).waitFor();
      const taken = detail(page).locator(".taken a");
      await until("the frames that it took", async () => (await taken.count()) === 4);
      await taken.nth(2).click();
      await detail(page).locator(".diff-old", { hasText: '"notes": 1' }).waitFor();
      await detail(page).locator(".diff-new", { hasText: '"notes": 2' }).waitFor();
      expect(queryOf(page).get("at")).toBe(notes[1]?.id ?? "");
      await page.reload();
      await detail(page).locator(".diff-new", { hasText: '"notes": 2' }).waitFor();
      await detail(page).getByRole("link", { name: "State now" }).click();
      await detail(page).getByRole("heading", { name: "State now" }).waitFor();
    });
    // As a link of a frame leads here.
    await looking(server, `&processor=handler/counter&at=${notes[0]?.id}`, async (page) => {
      await detail(page).locator(".diff-new", { hasText: '"notes": 1' }).waitFor();
    });
    await looking(server, "&processor=handler/counter&at=nonsense", async (page) => {
      await detail(page).getByRole("alert").first().waitFor();
    });
  });
});

browserTest("with --write a processor is stopped after asking, started and restarted", async () => {
  await serving(async (server) => {
    await spawn(server, "handler", "counter", COUNTER);
    const query = "&processor=handler/counter";
    await looking(server, query, async (page) => {
      await detail(page).getByText("pid").waitFor();
      expect(
        await detail(page)
          .getByRole("button", { name: /^(Stop|Restart)/ })
          .count(),
      ).toBe(0);
    });
    await looking(
      server,
      query,
      async (page) => {
        const button = (name: string) => detail(page).getByRole("button", { name, exact: true });
        await button("Stop…").click();
        await button("Let it run").click();
        await button("Restart").click();
        await detail(page).getByText("handler counter is active").waitFor();
        await button("Stop…").click();
        await button("Stop it").click();
        await detail(page).getByText("handler counter is stopped").waitFor();
        await rowOf(page, "counter").getByText("stopped", { exact: true }).waitFor();
        await button("Start").click();
        await rowOf(page, "counter").getByText("active", { exact: true }).waitFor();
      },
      ["--write"],
    );
  });
});

browserTest("a hundred processors and more are usable, also in a narrow page", async () => {
  await serving(async (server) => {
    const lines = Array.from({ length: 300 }, (_, n) =>
      JSON.stringify({
        topic: "stream.cross.handler.spawn",
        meta: { topic: `h${String(n).padStart(3, "0")}`, runtime: "sh", topics: ["nothing"] },
        content: "true",
      }),
    );
    const response = await server.fetch("/stream", { method: "POST", body: lines.join("\n") });
    expect(response.status).toBe(200);
    await response.bytes();
    await looking(server, "", async (page) => {
      await page.setViewportSize({ width: 390, height: 800 });
      await page.getByRole("button", { name: "150 more" }).waitFor();
      await page.getByRole("searchbox").fill("h299");
      await rowOf(page, "h299").waitFor();
      await rowOf(page, "h299").getByRole("link").click();
      await detail(page).getByRole("heading", { name: "h299" }).waitFor();
      const wide = () => page.evaluate<number>("document.documentElement.scrollWidth");
      expect(await wide()).toBe(390);
      await detail(page).getByRole("button", { name: "Close the processor" }).click();
      await rowOf(page, "h299").waitFor();
      expect(await wide()).toBe(390);
    });
  });
});

browserTest("a processor that is gone, and a store that no server has, are said", async () => {
  using home = tempDirectory();
  const directory = `${home.path}/store`;
  {
    await using server = await startServer(directory);
    await spawn(server, "handler", "counter", COUNTER);
    await ask(server, "handler", "wrong", "export default 3");
    await server.stop("SIGTERM");
  }
  await using inspector = await Inspector.start(directory);
  await using it = await InspectorPage.open(inspector, "?view=processors&processor=handler/none");
  await it.page.getByText("There is none of this name").waitFor();
  await reaches("what starts", 1, () =>
    rowOf(it.page, "counter").getByText("next xs serve").count(),
  );
});

browserTest("a replacement that does not load is said beside the one that goes on", async () => {
  await serving(async (server) => {
    await spawn(server, "handler", "counter", COUNTER);
    const wrong = await ask(server, "handler", "counter", "export default 3");
    await answered(server, wrong, "invalid");
    await looking(server, "&processor=handler/counter", async (page) => {
      await detail(page).getByText("A replacement does not load").waitFor();
      await reaches("its rows", 2, () => rowOf(page, "counter").count());
      await detail(page).locator(".frame-title .tag", { hasText: "active" }).waitFor();
    });
  });
});

browserTest("numbers of a state are as the script wrote them", async () => {
  const script = `export default { topics: ["note"], initial: 12345678901234567, run: () => ({ next: 0.1 }) }`;
  await serving(async (server) => {
    await spawn(server, "handler", "exact", script);
    const note = await say(server, "note");
    await looking(server, `&processor=handler/exact&at=${note.id}`, async (page) => {
      await detail(page).locator(".diff-old", { hasText: "12345678901234568" }).waitFor();
      await detail(page).locator(".diff-new", { hasText: "0.1" }).waitFor();
    });
  });
});

browserTest("what a program writes, and why it fails, stays text", async () => {
  const evil = "<script>alert(1)</script><img src=x onerror=alert(2)> \u202eevil";
  await serving(async (server) => {
    const noisy = `printf '%s\\n' '${evil}' >&2; head -c 10000000 /dev/zero | tr '\\0' x >&2; echo >&2; printf '\\377\\n' >&2; cat > /dev/null`;
    await spawn(server, "generator", "noisy", noisy, {
      runtime: "sh",
      duplex: true,
      ttl: "last:7",
    });
    const script = `export default { topics: ["note"], run() { throw new Error(${JSON.stringify(evil.repeat(100))}); } }`;
    const failing = await spawn(server, "handler", "failing", script, { on_error: "fail" });
    await say(server, "note");
    await answered(server, failing, "failed");
    await until("all lines", async () => (await framesOf(server, "noisy.stderr")).length >= 3);
    await looking(server, "&processor=generator/noisy", async (page) => {
      const log = detail(page).getByRole("region", { name: "Log" });
      await log.getByText("alert(1)").first().waitFor();
      await log.getByText("\\u{202e}").first().waitFor();
      await log.getByText("bytes that are no text").waitFor();
      await detail(page).getByRole("link", { name: "Script" }).click();
      await detail(page).getByText("alert(1)").first().waitFor();
      await rowOf(page, "failing").getByRole("link").click();
      await detail(page).getByText("onerror=alert(2)").first().waitFor();
      await page.setViewportSize({ width: 390, height: 800 });
      await reaches("the width", 390, () =>
        page.evaluate<number>("document.documentElement.scrollWidth"),
      );
      expect(await page.locator("script[src=''], img").count()).toBe(0);
    });
  });
});

browserTest("the page has one following read, whatever is shown of the processors", async () => {
  await serving(async (server) => {
    for (const name of ["one", "two", "three"]) await spawn(server, "handler", name, COUNTER);
    await looking(server, "", async (page) => {
      const open = new Set<object>();
      page.on("request", (request) => {
        if (request.url().includes("follow=")) open.add(request);
      });
      page.on("requestfailed", (request) => open.delete(request));
      page.on("requestfinished", (request) => open.delete(request));
      for (const name of ["one", "two", "three", "one"]) {
        await rowOf(page, name).getByRole("link").click();
        await detail(page).getByRole("region", { name: "Log" }).getByText("active").waitFor();
      }
      await until("one", () => open.size === 1);
      for (const key of ["ArrowRight", "Escape", "3", "2"]) await page.keyboard.press(key);
      await rowOf(page, "three").waitFor();
      await until("one", () => open.size === 1);
    });
  });
});
