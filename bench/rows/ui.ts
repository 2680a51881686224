import type { Page } from "playwright-core";
import { chromiumPath, Inspected } from "../browser.ts";
import { Connection, encodeRequest } from "../http.ts";
import { type Server, serveStore } from "../processes.ts";
import type { Group } from "../setup.ts";
import { median } from "../statistics.ts";
import type { Row } from "../table.ts";

const BURST = 5000;
/** A task that is not longer has no name in a browser, in ms. */
const SHORT = 50;

/** The inspector's page on a large store, beside one on an empty store. */
export const ui: Group = {
  name: "ui",
  async run(setup) {
    if (!chromiumPath()) {
      console.error("ui: there is no Chromium");
      return [];
    }
    const large = await serveStore(await setup.store("all"));
    const [ofLarge, ofEmpty]: [Seen[], Seen[]] = [[], []];
    for (let round = 0; round < Math.max(3, setup.rounds); round++) {
      ofLarge.push(await look(large, round));
      const empty = await serveStore(setup.fresh());
      ofEmpty.push(await look(empty, round));
      await empty.stop();
    }
    await large.stop();
    const frames = setup.frames.toLocaleString("en-US");
    const rowOf = (name: string, what: keyof Seen, floorName: string): Row => ({
      name,
      unit: "ms",
      value: median(ofLarge.map((seen) => seen[what])),
      floorName,
      floor: median(ofEmpty.map((seen) => seen[what])),
    });
    return [
      rowOf(`inspector, ${frames} frames: first rows after`, "first", "an empty store"),
      rowOf(`the same: a burst of ${BURST} is shown after`, "burst", "an empty store"),
      rowOf(
        "the same: longest task of the page during it, 50 at least",
        "longest",
        "an empty store",
      ),
    ];
  },
};

/** What a page showed, in ms. */
interface Seen {
  /** From the navigation to the first content of the stream. */
  readonly first: number;
  /** From the answer to the burst to its last frame in the page. */
  readonly burst: number;
  readonly longest: number;
}

async function look({ unix }: Server, round: number): Promise<Seen> {
  const inspected = await Inspected.start(unix);
  const page = await inspected.open();
  const first = await when(
    page,
    `document.querySelector(".stream .rows .row, .stream .notice-empty") && performance.now()`,
  );
  await page.getByText("live", { exact: true }).waitFor();
  const connection = await Connection.open(unix);
  const before = Number(await page.evaluate("performance.now()"));
  const last = `burst ${round}`;
  const lines = Array.from({ length: BURST }, (_, n) =>
    JSON.stringify({ topic: "note", meta: n === BURST - 1 ? last : { n } }),
  );
  await connection.request(encodeRequest("POST", "/stream", {}, Buffer.from(lines.join("\n"))));
  const answered = performance.now();
  connection.close();
  await when(
    page,
    `[...document.querySelectorAll(".stream .row")].at(-1)?.textContent.includes(${JSON.stringify(last)})`,
  );
  const burst = performance.now() - answered;
  const tasks = (await page.evaluate("longTasks")) as [start: number, ms: number][];
  const longest = Math.max(SHORT, ...tasks.filter(([at]) => at >= before).map(([, ms]) => ms));
  const seen = { first: Number(first), burst, longest };
  await inspected.stop();
  return seen;
}

/** Looks at each picture of a page until an expression gives something, and returns that. */
function when(page: Page, expression: string): Promise<unknown> {
  return page.evaluate(`new Promise((resolve) => {
    const look = () => {
      const value = ${expression};
      if (value) resolve(value);
      else requestAnimationFrame(look);
    };
    look();
  })`);
}
