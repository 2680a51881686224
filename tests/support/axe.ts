import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WIDTHS = [390, 1280, 2560];

/** What axe-core found: the rule, and the element with what is wrong. */
interface Finding {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { html: string; failureSummary: string }[];
}

/**
 * Looks for what keeps a person from using the page as it is: light and dark, on a phone and on a wide screen.
 *
 * @throws with the elements, where there is anything
 */
export async function expectAccessible(page: Page, state: string): Promise<void> {
  const before = page.viewportSize();
  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of WIDTHS) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      // What follows the width, as the rows and the charts, is drawn in the next frames.
      await page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))");
      const found = await findings(page);
      expect({ state, colorScheme, width, found }).toEqual({
        state,
        colorScheme,
        width,
        found: [],
      });
    }
  }
  if (before) await page.setViewportSize(before);
}

async function findings(page: Page): Promise<string[]> {
  const isThere = await page.evaluate<boolean>("'axe' in window");
  if (!isThere) await page.evaluate(AXE);
  const found = await page.evaluate<readonly Finding[]>(
    "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations)",
  );
  return found.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${impact} ${id}: ${html}\n${failureSummary}`),
  );
}
