import { tmpdir } from "node:os";
import type { BrowserContextOptions, Page } from "playwright-core";
import { sharedBrowser } from "./browser.ts";
import { plainEnv, XS } from "./server.ts";
import { within } from "./wait.ts";

/** How a test starts an inspector. */
interface InspectorOptions {
  readonly args?: readonly string[];
  readonly env?: Record<string, string>;
}

/** A running `xs ui --no-open`, ended with the test. */
export class Inspector implements AsyncDisposable {
  readonly pid: number;
  /** `http://127.0.0.1:PORT`. */
  readonly origin: string;
  readonly #child: Bun.Subprocess<"pipe", "ignore", "pipe">;
  readonly #links: Links;

  private constructor(
    child: Bun.Subprocess<"pipe", "ignore", "pipe">,
    links: Links,
    origin: string,
  ) {
    this.pid = child.pid;
    this.origin = origin;
    this.#child = child;
    this.#links = links;
  }

  static async start(
    address: string,
    { args = [], env }: InspectorOptions = {},
  ): Promise<Inspector> {
    const child = Bun.spawn([XS, "ui", address, "--no-open", ...args], {
      cwd: tmpdir(),
      env: { ...plainEnv(tmpdir()), ...env },
      stdio: ["pipe", "ignore", "pipe"],
    });
    const links = new Links(child.stderr);
    const first = await links.next();
    links.giveBack(first);
    return new Inspector(child, links, new URL(first).origin);
  }

  /** A link that works once: the one of the start, then a new one for each line on stdin. */
  async link(): Promise<string> {
    if (!this.#links.hasOne) {
      this.#child.stdin.write("\n");
      await this.#child.stdin.flush();
    }
    return this.#links.next();
  }

  /** The key of a new session, for requests of a test. */
  async key(): Promise<string> {
    const [, link = ""] = (await this.link()).split("#key=");
    const response = await fetch(`${this.origin}/key`, { method: "POST", body: link });
    return ((await response.json()) as { key: string }).key;
  }

  /** Sends a request with a key. @param path below `/api` */
  ask(path: string, init: RequestInit = {}): Promise<Response> {
    return this.askAt(`/api${path}`, init);
  }

  /** Sends a request with a key to the inspector itself. */
  async askAt(path: string, init: RequestInit = {}): Promise<Response> {
    const authorization = `Bearer ${await this.key()}`;
    const headers = { authorization, ...(init.headers as Record<string, string>) };
    return fetch(this.origin + path, { ...init, headers });
  }

  /** What it wrote on stderr, up to the last link that was asked for. */
  get stderr(): string {
    return this.#links.all;
  }

  stop(signal: NodeJS.Signals): Promise<number> {
    this.#child.kill(signal);
    return within(`the end of xs ui after ${signal}`, this.#child.exited);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
  }
}

/** The links in what an inspector prints. */
class Links {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #found: string[] = [];
  #text = "";
  /** All text so far. */
  all = "";

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  }

  get hasOne(): boolean {
    return this.#found.length > 0;
  }

  giveBack(link: string): void {
    this.#found.unshift(link);
  }

  async next(): Promise<string> {
    for (;;) {
      const found = this.#found.shift();
      if (found !== undefined) return found;
      const { value, done } = await within("a link of xs ui", this.#reader.read());
      if (done) throw new Error(`xs ui ended: ${this.#text}`);
      const more = new TextDecoder().decode(value);
      this.all += more;
      this.#text += more;
      const lines = this.#text.split("\n");
      this.#text = lines.pop() ?? "";
      for (const line of lines) this.#found.push(...(line.match(/http:\S+#key=[\w-]+/g) ?? []));
    }
  }
}

/** A page of an inspector in a browser, which notes what must not happen in it. */
export class InspectorPage implements AsyncDisposable {
  readonly page: Page;
  /** What scripts threw, what the policy refused, and what the browser wrote as an error. */
  readonly faults: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on("pageerror", (error) => this.faults.push(`thrown: ${error.message}`));
    page.on("console", (message) => {
      // What a server refuses, the page shows.
      const isAnswer = message.text().startsWith("Failed to load resource");
      if (message.type() === "error" && !isAnswer) this.faults.push(message.text());
    });
    page.on("dialog", (dialog) => {
      this.faults.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
  }

  /** Opens the inspector by a link of its own. @param query of the place to open */
  static async open(
    inspector: Inspector,
    query = "",
    options: BrowserContextOptions = {},
  ): Promise<InspectorPage> {
    const browser = await sharedBrowser();
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, ...options });
    const it = new InspectorPage(page);
    pressAsPeopleDo(page);
    const link = await inspector.link();
    await page.goto(link.replace("/#", `/${query}#`));
    await page.waitForSelector(".head");
    return it;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close();
  }
}

/** A page hears the keys of what it shows after the next picture, and no person is faster than that. */
function pressAsPeopleDo(page: Page): void {
  const { keyboard } = page;
  const press = keyboard.press.bind(keyboard);
  keyboard.press = async (...args) => {
    await page.evaluate("new Promise((heard) => requestAnimationFrame(() => setTimeout(heard)))");
    await press(...args);
  };
}
