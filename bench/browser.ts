import { resolve } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { measuredBinary } from "./processes.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

/** The Chromium of this machine; undefined where there is none. */
export function chromiumPath(): string | undefined {
  return NAMES.map((name) => Bun.which(name) ?? undefined).find((path) => path !== undefined);
}

/** The inspector of a store, and a browser that opens it. */
export class Inspected {
  readonly pid: number;
  readonly #child: Bun.Subprocess<"pipe", "ignore", "pipe">;
  readonly #browser: Browser;
  readonly #links: AsyncGenerator<string>;

  private constructor(child: Bun.Subprocess<"pipe", "ignore", "pipe">, browser: Browser) {
    this.pid = child.pid;
    this.#child = child;
    this.#browser = browser;
    this.#links = linksIn(child.stderr);
  }

  static async start(store: string): Promise<Inspected> {
    const executablePath = chromiumPath();
    if (!executablePath) throw new Error(`there is none of ${NAMES.join(", ")}`);
    const child = Bun.spawn([measuredBinary(), "ui", resolve(store), "--no-open"], {
      stdio: ["pipe", "ignore", "pipe"],
    });
    const args = ["--no-sandbox", "--disable-dev-shm-usage"];
    return new Inspected(child, await chromium.launch({ executablePath, args }));
  }

  /** Opens the page in a new tab, which notes its long tasks. */
  async open(): Promise<Page> {
    const page = await this.#browser.newPage({ viewport: { width: 1280, height: 800 } });
    await page.addInitScript(`
      globalThis.longTasks = [];
      new PerformanceObserver((list) => {
        for (const { startTime, duration } of list.getEntries()) longTasks.push([startTime, duration]);
      }).observe({ type: "longtask", buffered: true });
    `);
    const { value: link } = await this.#links.next();
    await page.goto(String(link));
    this.#child.stdin.write("\n");
    await this.#child.stdin.flush();
    return page;
  }

  async stop(): Promise<void> {
    await this.#browser.close();
    this.#child.kill();
    await this.#child.exited;
  }
}

async function* linksIn(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let text = "";
  for await (const bytes of stream) {
    const lines = (text + new TextDecoder().decode(bytes)).split("\n");
    text = lines.pop() ?? "";
    yield* lines.flatMap((line) => line.match(/http:\S+#key=[\w-]+/g) ?? []);
  }
}
