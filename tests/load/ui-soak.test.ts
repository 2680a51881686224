// A page that is open for long, on a stream that is fast.
import { afterAll, expect, setDefaultTimeout } from "bun:test";
import type { Page } from "playwright-core";
import { browserTest } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { memoryOf } from "../support/memory.ts";
import { report, setting } from "../support/random.ts";
import { startServer } from "../support/server.ts";
import { endsWith, rowsInPage } from "../support/stream-page.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";

/** For the long run: 1200. */
const SECONDS = setting("XS_UI_SOAK_SECONDS", 15);
/** How many frames each batch has, and how many batches a second there are. */
const FRAMES = setting("XS_UI_SOAK_FRAMES", 100);
const BATCHES = 10;
/** How often the memory is looked at. */
const LOOKS = 9;

setDefaultTimeout(TEST_MS + SECONDS * 1000);

const lines: string[] = [];
afterAll(() => report(`XS_UI_SOAK_SECONDS=${SECONDS} XS_UI_SOAK_FRAMES=${FRAMES}`, lines));

/** What a page and its servers hold, in MB, and how many nodes the page has. */
interface Held {
  readonly page: number;
  readonly nodes: number;
  readonly inspector: number;
  readonly server: number;
}

async function pageMemory(page: Page): Promise<Pick<Held, "page" | "nodes">> {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  const { nodes } = await session.send("Memory.getDOMCounters");
  await session.detach();
  return { page: usedSize / 2 ** 20, nodes };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

browserTest("the memory of a page, and of its servers, stays flat", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it);
  const { page, faults } = opened;
  await page.getByText("No events yet").waitFor();
  const held: Held[] = [];
  const begin = performance.now();
  let sent = 0;
  for (let look = 1; look <= LOOKS; look++) {
    const end = begin + (SECONDS * 1000 * look) / LOOKS;
    while (performance.now() < end) {
      const turn = performance.now();
      const batch = Array.from({ length: FRAMES }, (_, at) =>
        JSON.stringify({ topic: `t.x${at % 10}`, meta: { n: sent + at }, content: `line ${sent}` }),
      );
      const body = batch.join("\n");
      const response = await server.fetch("/stream", { method: "POST", body });
      expect(response.ok).toBe(true);
      await response.bytes();
      sent += FRAMES;
      await Bun.sleep(Math.max(0, 1000 / BATCHES - (performance.now() - turn)));
    }
    const inspector = memoryOf(it.pid);
    held.push({ ...(await pageMemory(page)), inspector, server: memoryOf(server.pid) });
    expect(await rowsInPage(page)).toBeLessThan(200);
  }
  await server.append("last", "the last of all");
  await endsWith(page, "the last of all");
  for (const what of ["page", "nodes", "inspector", "server"] as const) {
    const values = held.map((each) => each[what]);
    const [early, late] = [median(values.slice(3, 6)), median(values.slice(6))];
    lines.push(
      `${what}: ${values.map((value) => value.toFixed(what === "nodes" ? 0 : 1)).join(" ")}`,
    );
    // What grows without end is far beyond this in a long run; a short one has noise.
    expect([what, late <= early * 1.3 + (what === "nodes" ? 500 : 20)]).toEqual([what, true]);
  }
  lines.push(`${sent} frames`);
  expect(faults).toEqual([]);
});
