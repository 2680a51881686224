import { test } from "bun:test";
import { type Browser, chromium } from "playwright-core";
import { atEnd } from "./at-end.ts";
import { DEADLINE_MS } from "./wait.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const executablePath = NAMES.map((name) => Bun.which(name)).find((path) => path !== null);
if (!executablePath) {
  process.stderr.write(`tests in a browser are skipped: there is none of ${NAMES.join(", ")}\n`);
}

/** A test that needs a browser. */
export const browserTest = test.skipIf(!executablePath);

/** A browser without a window; the test has to close it. @param args more of its command line */
export async function openBrowser(...args: string[]): Promise<Browser> {
  return await chromium.launch({
    ...(executablePath && { executablePath }),
    // Its sandbox does not start for root; what it is shown here is our own. /dev/shm may be small.
    args: ["--no-sandbox", "--disable-dev-shm-usage", ...args],
    timeout: DEADLINE_MS,
  });
}

let shared: Promise<Browser> | undefined;

/** One browser for many tests, as it takes long to start: each opens a context in it, which shares nothing with others. */
export async function sharedBrowser(): Promise<Browser> {
  if (shared && (await shared).isConnected()) return await shared;
  const opened = openBrowser();
  shared = opened;
  atEnd(async () => await (await opened).close());
  return await opened;
}
