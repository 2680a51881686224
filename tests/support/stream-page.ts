import type { Page } from "playwright-core";
import { packId } from "../../src/core/id.ts";
import type { Server } from "./server.ts";
import { until } from "./wait.ts";

/** A row of the stream, as a person sees it. */
export interface SeenRow {
  readonly id: string;
  readonly text: string;
  /** Its place in the view, in px. */
  readonly top: number;
}

/** The rows of the stream that a person sees, whole. */
export function seenRows(page: Page): Promise<SeenRow[]> {
  return page.evaluate<SeenRow[]>(`(() => {
    const list = document.querySelector(".stream .rows");
    if (!list) return [];
    const box = list.getBoundingClientRect();
    return [...list.querySelectorAll(".row")].flatMap((row) => {
      const { top, bottom } = row.getBoundingClientRect();
      const isSeen = top >= box.top - 1 && bottom <= box.bottom + 1;
      const id = row.id.replace("frame-", "");
      return isSeen ? [{ id, text: row.textContent, top: top - box.top }] : [];
    });
  })()`);
}

/** The height of a row, in px. */
const ROW = 28;

/**
 * Scrolls so many rows at a time until nothing more comes or enough was seen, and returns what `meta.n` was the first
 * that is visible after each step, and the ids of all rows that were in the page, in the order in which they came.
 */
export function walk(
  page: Page,
  rows: number,
  steps: number,
): Promise<{ firsts: number[]; ids: string[] }> {
  return page.evaluate(`(async () => {
    const list = document.querySelector(".stream .rows");
    const picture = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    const rests = async () => {
      do await picture();
      while (list.getAttribute("aria-busy") === "true");
      await picture();
    };
    const firsts = [];
    const ids = new Set();
    const look = () => {
      const top = list.getBoundingClientRect().top;
      for (const row of list.querySelectorAll(".row")) ids.add(row.id.replace("frame-", ""));
      const first = [...list.querySelectorAll(".row")].find(
        (row) => row.getBoundingClientRect().top >= top - 1,
      );
      firsts.push(Number(/"n":(\\d+)/.exec(first?.textContent)?.[1]));
    };
    await rests();
    look();
    for (let step = 0; step < ${steps}; step++) {
      const before = firsts.at(-1);
      list.scrollTop += ${rows * ROW};
      await rests();
      look();
      if (firsts.at(-1) === before) break;
    }
    return { firsts, ids: [...ids] };
  })()`);
}

/** How many rows are in the page. */
export function rowsInPage(page: Page): Promise<number> {
  return page.locator(".stream .row").count();
}

/** Waits until the last row that a person sees has a text. */
export async function endsWith(page: Page, text: string): Promise<void> {
  await until(`the last row has ${text}`, async () => {
    const rows = await seenRows(page);
    return rows.at(-1)?.text.includes(text);
  });
}

/** Waits until the first row that a person sees has a text. */
export async function beginsWith(page: Page, text: string): Promise<void> {
  await until(`the first row has ${text}`, async () => {
    const rows = await seenRows(page);
    return rows[0]?.text.includes(text);
  });
}

/** Scrolls the stream, as a wheel does. */
export async function scroll(page: Page, by: number): Promise<void> {
  await page.locator(".stream .rows").hover();
  await page.mouse.wheel(0, by);
}

const STEP = 10_000;

/** Imports frames, `ms` apart, with their number as `meta.n`; the newest is of now. */
export async function importFrames(
  server: Server,
  count: number,
  ms: number,
  topicOf: (n: number) => string = () => "note",
): Promise<void> {
  const begin = Date.now() - count * ms;
  for (let from = 0; from < count; from += STEP) {
    const lines: string[] = [];
    for (let n = from; n < Math.min(from + STEP, count); n++) {
      const time = begin + n * ms;
      const ts_ms = Math.floor(time);
      const id = packId({ ts_ms, counter_hi: n >>> 24, counter_lo: n % 2 ** 24, node: "00000000" });
      lines.push(
        `{"topic":"${topicOf(n)}","id":"${id}","hash":null,"meta":{"n":${n}},"ttl":"forever"}`,
      );
    }
    const response = await server.fetch("/import", { method: "POST", body: lines.join("\n") });
    if (!response.ok) throw new Error(await response.text());
    await response.bytes();
  }
}

/** Appends frames in one batch, with their number as `meta.n`, and returns their ids. */
export async function appendBatch(
  server: Server,
  topic: string,
  count: number,
  from = 0,
): Promise<string[]> {
  const lines = Array.from({ length: count }, (_, at) =>
    JSON.stringify({ topic, meta: { n: from + at } }),
  );
  const response = await server.fetch("/stream", { method: "POST", body: lines.join("\n") });
  if (!response.ok) throw new Error(await response.text());
  const answer = await response.text();
  return answer
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { id: string }).id);
}
