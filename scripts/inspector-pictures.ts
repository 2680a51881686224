// Makes the pictures of the inspector in docs/, from a sample store, in a real browser.
//
//   npm run build && sh scripts/bun scripts/inspector-pictures.ts
//   sh scripts/bun scripts/inspector-pictures.ts --look DIRECTORY [NAME…]
//
// The second form writes each view at each width, light and dark, to look at; NAME chooses some of them.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { encodePng } from "./png.ts";
import { SampleStore } from "./sample-store.ts";

const ROOT = join(import.meta.dir, "..");
const XS = join(ROOT, "dist/xs");
const BROWSERS = ["chromium", "chromium-browser", "google-chrome"];

type Scheme = "light" | "dark";

/** A picture: a place of the page, and what a person does there. */
interface Scene {
  readonly query?: string;
  /** The topic whose newest frame is open. */
  readonly opens?: string;
  readonly act?: (page: Page) => Promise<void>;
}

const SCENES: Readonly<Record<string, Scene>> = {
  stream: {},
  range: { query: "?topic=sensor.*&since=8h&until=2h" },
  frame: { opens: "heating.set" },
  note: { opens: "note.plan" },
  photo: { opens: "photo" },
  voice: { opens: "voice" },
  mail: { opens: "mail.in" },
  nothing: { query: "?topic=nobody.knows" },
  gone: { query: "?frame=03hb6bjq0oy1yzi3qyce8fxv0" },
  processors: { query: "?view=processors" },
  processor: { query: "?view=processors&processor=handler/heating" },
  failing: { query: "?view=processors&processor=handler/orders" },
  keys: { query: "?view=kv" },
  key: { query: "?view=kv&key=settings/heating" },
  shortcuts: { act: (page) => page.keyboard.press("?") },
};

/** The pictures of the docs: the file, the scene, its width and height. */
const PICTURES: readonly (readonly [string, string, number, number, Scheme])[] = [
  ["inspector.png", "frame", 1280, 760, "light"],
  ["inspector/stream.png", "stream", 1280, 760, "light"],
  ["inspector/frame.png", "photo", 1280, 760, "dark"],
  ["inspector/processors.png", "processor", 1280, 760, "light"],
  ["inspector/keys.png", "key", 1280, 560, "light"],
  ["inspector/phone.png", "stream", 390, 760, "light"],
];
/** How long a page takes to show everything, in ms, on a slow machine. */
const SETTLE_MS = 2000;
const SIZES = [
  [390, 844],
  [1280, 800],
  [2560, 1300],
] as const;

/** An inspector of the sample store, and a browser that shows it. */
class Camera implements AsyncDisposable {
  readonly #store: SampleStore;
  readonly #ui: Bun.Subprocess;
  readonly #browser: Browser;
  readonly #origin: string;
  readonly #key: string;

  private constructor(
    store: SampleStore,
    ui: Bun.Subprocess,
    browser: Browser,
    origin: string,
    key: string,
  ) {
    this.#store = store;
    this.#ui = ui;
    this.#browser = browser;
    this.#origin = origin;
    this.#key = key;
  }

  static async open(store: SampleStore): Promise<Camera> {
    const ui = Bun.spawn([XS, "ui", "./store", "--no-open", "--write"], {
      cwd: join(store.directory, ".."),
      stdio: ["pipe", "ignore", "pipe"],
    });
    const link = new URL(await linkIn(ui.stderr));
    const body = link.hash.slice("#key=".length);
    const response = await fetch(`${link.origin}/key`, { method: "POST", body });
    const { key } = (await response.json()) as { key: string };
    const executablePath = BROWSERS.map((name) => Bun.which(name)).find((path) => path !== null);
    if (!executablePath) throw new Error(`there is none of ${BROWSERS.join(", ")}`);
    const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
    return new Camera(store, ui, browser, link.origin, key);
  }

  /** Takes a picture of a scene, as a PNG of few colours. */
  async take(scene: Scene, width: number, height: number, scheme: Scheme): Promise<Uint8Array> {
    const { query = "", opens, act } = scene;
    const frame = opens && (JSON.parse(await this.#store.xs(["last", opens])) as { id: string }).id;
    const page = await this.#browser.newPage({
      viewport: { width, height },
      colorScheme: scheme,
      timezoneId: "UTC",
      bypassCSP: true,
    });
    await page.addInitScript(`sessionStorage.setItem("xs-key", ${JSON.stringify(this.#key)});
      // A browser without a window knows no font of the system.
      addEventListener("DOMContentLoaded", () => {
        const { style } = document.documentElement;
        style.setProperty("--sans", "sans-serif");
        style.setProperty("--mono", "monospace");
      });`);
    await page.goto(`${this.#origin}/${frame ? `?frame=${frame}` : query}`);
    await page.waitForSelector(".live-live, .live-none");
    // Charts, first lines and fonts come one after the other, and none says that it was the last.
    await page.waitForTimeout(SETTLE_MS);
    await act?.(page);
    const shot = await page.screenshot({ animations: "disabled" });
    const pixels = await pixelsOf(page, shot);
    await page.close();
    return encodePng(pixels, width, height);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
    this.#ui.kill();
    await this.#ui.exited;
  }
}

/** The first link that `xs ui` prints. */
async function linkIn(output: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const bytes of output) {
    text += new TextDecoder().decode(bytes);
    const [link] = /http:\S+#key=[\w-]+/.exec(text) ?? [];
    if (link) return link;
  }
  throw new Error(`xs ui ended: ${text}`);
}

/** The pixels of a PNG, which the browser decodes; on a page that lets it. */
async function pixelsOf(page: Page, png: Buffer): Promise<Uint8Array> {
  await page.goto("about:blank");
  const code = `(async () => {
    const response = await fetch("data:image/png;base64,${png.toString("base64")}");
    const image = await createImageBitmap(await response.blob());
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    const { data } = canvas.getImageData(0, 0, image.width, image.height);
    let text = "";
    for (let at = 0; at < data.length; at += 8192) {
      text += String.fromCharCode(...data.subarray(at, at + 8192));
    }
    return btoa(text);
  })()`;
  return Buffer.from(await page.evaluate<string>(code), "base64");
}

async function takeAll(camera: Camera): Promise<void> {
  for (const [file, scene, width, height, scheme] of PICTURES) {
    const png = await camera.take(sceneOf(scene), width, height, scheme);
    const path = join(ROOT, "docs", file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, png);
    console.log(`${path}: ${Math.round(png.length / 1000)} kB`);
  }
}

async function look(camera: Camera, directory: string, names: readonly string[]): Promise<void> {
  mkdirSync(directory, { recursive: true });
  for (const name of names.length > 0 ? names : Object.keys(SCENES)) {
    for (const [width, height] of SIZES) {
      for (const scheme of ["light", "dark"] as const) {
        const png = await camera.take(sceneOf(name), width, height, scheme);
        writeFileSync(join(directory, `${name}-${width}-${scheme}.png`), png);
      }
    }
  }
}

function sceneOf(name: string): Scene {
  const scene = SCENES[name];
  if (!scene) throw new Error(`there is no scene ${name}, but ${Object.keys(SCENES).join(", ")}`);
  return scene;
}

const [mode, directory, ...names] = process.argv.slice(2);
/** It is seen in the pictures, so it is the same each time. */
const home = join(tmpdir(), "ada");
mkdirSync(home);
try {
  await using store = await SampleStore.start(join(home, "store"));
  await using camera = await Camera.open(store);
  if (mode === "--look" && directory) await look(camera, directory, names);
  else await takeAll(camera);
} finally {
  rmSync(home, { recursive: true, force: true });
}
