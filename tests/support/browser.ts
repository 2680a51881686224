import { test } from "bun:test";
import { type Browser, chromium } from "playwright-core";
import { DEADLINE_MS } from "./wait.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const executablePath = NAMES.map((name) => Bun.which(name)).find((path) => path !== null);
if (!executablePath) {
  process.stderr.write(`tests in a browser are skipped: there is none of ${NAMES.join(", ")}\n`);
}

/** A test that needs a browser. */
export const browserTest = test.skipIf(!executablePath);

/** A browser without a window; gone at the end of the test. @param args more of its command line */
export async function openBrowser(...args: string[]): Promise<Browser> {
  return await chromium.launch({
    ...(executablePath && { executablePath }),
    // Its sandbox does not start for root; what it is shown here is our own. /dev/shm may be small.
    args: ["--no-sandbox", "--disable-dev-shm-usage", ...args],
    timeout: DEADLINE_MS,
  });
}
