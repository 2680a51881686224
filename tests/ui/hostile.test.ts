import { expect, setDefaultTimeout } from "bun:test";
import type { Page } from "playwright-core";
import { browserTest } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { gif, huge } from "../support/media.ts";
import { answered, ask, say } from "../support/processors.ts";
import { type Server, startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { reaches, TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(4 * TEST_MS);

/** Each of these calls `ran` where it runs, or breaks a layout that trusts it. */
const HOSTILE: readonly string[] = [
  "<script>ran()</script>",
  '"><img src=x onerror=ran()>',
  "javascript:ran()",
  '<a href="javascript:ran()">press</a>',
  "# A\n\n- [press](javascript:ran())\n- ![x](x onerror=ran())\n",
  '<iframe srcdoc="<script>parent.ran()</script>"></iframe>',
  "<svg onload=ran()><script>ran()</script></svg>",
  '<svg xmlns="http://www.w3.org/2000/svg" onload="ran()" width="99999999" height="99999999"><script>parent.ran()</script><foreignObject><iframe srcdoc="x"/></foreignObject><image href="http://127.0.0.1:1/x.png"/><a href="javascript:ran()"><rect width="100" height="100"/></a></svg>',
  "<!doctype html><title>x</title><style>*{display:none}</style><body onload=ran()>",
  "</pre></main><script>ran()</script><style>body{display:none}</style>",
  '{{constructor.constructor("ran()")()}} $'.concat("{ran()}"),
  '{"__proto__":{"dangerouslySetInnerHTML":{"__html":"<img src=x onerror=ran()>"}},"constructor":{"prototype":1}}',
  '{"type":"img","props":{"src":"x","onerror":"ran()"},"__k":null,"constructor":null}',
  "\u202eteg si siht \u2066 and \u2067 that \u200f",
  "\u001b[2J\u001b]0;owned\u0007 \u0008\u0008\u007f \u0085 \u2028 \u2029",
  "zero\u200bwidth\ufeff\u2060\u00ad\u{e0041}\u3164",
  `Z${"\u0300\u0301\u0302\u0303".repeat(200)}algo`,
  "\ufdfd\ufdfd\u{12219}\u{1242b}".repeat(200),
  "w".repeat(30_000),
  "\u202e".repeat(30_000),
  "a\u202e".repeat(30_000),
  "\t\t\n\r\n".repeat(3000),
];

/** A picture that draws itself again and again: shown at once, it would keep the browser busy for ever. */
const LAUGHS = `<svg xmlns="http://www.w3.org/2000/svg"><defs><g id="a0"><rect width="9" height="9"/></g>${Array.from(
  { length: 20 },
  (_, n) => `<g id="a${n + 1}">${`<use href="#a${n}"/>`.repeat(10)}</g>`,
).join("")}</defs><use href="#a20"/></svg>`;

/** What must be true of the page, whatever it shows. */
interface Sound {
  readonly ran: boolean;
  readonly refused: readonly string[];
  /** The elements that scroll sideways, and should not. */
  readonly wide: readonly string[];
  /** Elements that text of the store might have made. */
  readonly strange: number;
}

const WATCH = `
  globalThis.hasRun = false;
  globalThis.ran = () => { globalThis.hasRun = true; };
  globalThis.refused = [];
  addEventListener("securitypolicyviolation", (event) => refused.push(event.violatedDirective + " " + event.blockedURI));
`;

const LOOK = `({
  ran: hasRun,
  refused,
  wide: [document.scrollingElement, ...document.querySelectorAll("#view, #view > *, .topics, .stream, .frame, .rows")]
    .filter((each) => each.scrollWidth > each.clientWidth + 1)
    .map((each) => each.tagName + "." + each.className),
  strange: document.querySelectorAll(
    "script:not([src^='/']), iframe, object, embed, base, style, foreignObject, [onerror], [onload], a[href^='javascript'], img:not([src^='blob:'])",
  ).length,
})`;

async function expectSound(
  page: Page,
  where: string,
  widths: readonly number[] = [390, 1280],
): Promise<void> {
  // Narrow first: what comes next begins wide.
  for (const width of widths) {
    await page.setViewportSize({ width, height: 800 });
    const sound: Sound = { ran: false, refused: [], wide: [], strange: 0 };
    // A chart takes the new width a moment later.
    await reaches(
      `${where}, ${width} px wide`,
      sound,
      async () => (await page.evaluate(LOOK)) as Sound,
    );
  }
}

async function append(server: Server, content: string | Uint8Array, meta: unknown = null) {
  const headers = { "xs-meta": Buffer.from(JSON.stringify(meta)).toString("base64") };
  const response = await server.fetch("/stream/hostile", {
    method: "POST",
    body: content,
    headers,
  });
  if (!response.ok) throw new Error(await response.text());
  return ((await response.json()) as { id: string }).id;
}

/** Fills a store with all of it, and returns the ids of the frames, and the keys. */
async function fill(server: Server) {
  const ids: string[] = [];
  for (const text of HOSTILE) {
    // A meta is at most 64 KiB.
    const short = text.slice(0, 2000);
    ids.push(
      await append(server, text, { "content-type": "text/html", [short]: short, list: [short] }),
    );
    ids.push(await append(server, JSON.stringify({ [text]: [text, { text }] })));
  }
  ids.push(await append(server, "<b>long</b> ".repeat(900_000)));
  ids.push(await append(server, "x".repeat(10_000_000)));
  ids.push(await append(server, `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`));
  ids.push(await append(server, `[${"0,".repeat(500_000)}0]`));
  ids.push(await append(server, `{"n":${"9".repeat(100_000)}}`));
  const deep = await append(server, "[".repeat(100_000) + "]".repeat(100_000));
  const costly = await append(server, LAUGHS);
  ids.push(deep, costly);
  ids.push(await append(server, huge(2_000_000_000, 2_000_000_000)));
  ids.push(await append(server, Buffer.concat([gif(), Buffer.from("<script>ran()</script>")])));
  // Older versions wrote a meta as deep as one liked; an import brings it.
  const id = "0".repeat(24);
  const meta = "[".repeat(30_000) + "]".repeat(30_000);
  const line = `{"topic":"deep","id":"${id}1","hash":null,"meta":${meta},"ttl":"forever"}`;
  const imported = await server.fetch("/import", { method: "POST", body: line });
  if (!imported.ok) throw new Error(await imported.text());
  ids.push(`${id}1`);
  await server.append(`constructor.__proto__.${"long-topic.".repeat(20)}end`, "of a long topic");
  const keys = HOSTILE.map((text) => text.slice(0, 60)).filter((key) => !key.includes("\0"));
  for (const [at, key] of keys.entries()) {
    const value = HOSTILE[at] ?? "";
    const headers = { "content-type": "text/html" };
    const path = `/kv/${encodeURIComponent(key)}`;
    const response = await server.fetch(path, { method: "PUT", body: value, headers });
    if (!response.ok) throw new Error(`${key}: ${await response.text()}`);
  }
  return { ids, keys, deep, costly };
}

/** Starts processors whose names, stderr and reasons are hostile. */
async function run(server: Server): Promise<string[]> {
  const texts = JSON.stringify(HOSTILE.map((text) => text.slice(0, 3000)));
  const handler = await ask(
    server,
    "handler",
    "__proto__.constructor",
    `export default { topics: ["go"], initial: ${texts}, run(frame, state) {
      for (const text of state) console.error(text);
      if (frame.meta.fails) throw new Error(state.join("\\n"));
      return { next: state, out: state };
    } };`,
  );
  await answered(server, handler, "active");
  await say(server, "go", { fails: true });
  await answered(server, handler, "failed");
  const name = `h${"o".repeat(120)}`;
  const generator = await ask(
    server,
    "generator",
    name,
    `printf '%s' "<script>ran()</script>" >&2; exit 3`,
    {
      runtime: "sh",
    },
  );
  await until(
    "the generator wrote",
    async () => (await server.frames(`/${generator.id}/effects`)).length > 0,
  );
  return ["handler/__proto__.constructor", `generator/${name}`];
}

browserTest("hostile content stays content, in every view", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  const { ids, keys, deep, costly } = await fill(server);
  const processors = await run(server);
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it, "?runtime=show");
  const { page, faults } = opened;
  await page.addInitScript(WATCH);
  const strangers: string[] = [];
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${it.origin}/`) && !url.startsWith("blob:")) strangers.push(url);
  });
  const go = async (query: Record<string, string>) => {
    await page.goto(`${it.origin}/?${new URLSearchParams(query)}`);
  };

  await go({ runtime: "show" });
  await page.getByRole("option").first().waitFor();
  await expectSound(page, "stream");
  for (const topic of ["deep", "hostile", "<script>ran()</script>", "w".repeat(3000)]) {
    await go({ topic, since: '"><img src=x onerror=ran()>' });
    await page.getByRole("region", { name: "Stream" }).waitFor();
    await expectSound(page, `stream of ${topic.slice(0, 40)}`);
    await go({ topic });
    await page.getByRole("region", { name: "Stream" }).waitFor();
    await expectSound(page, `stream of ${topic.slice(0, 40)}`);
  }
  await go({ pane: "topics" });
  await page.getByRole("option").first().waitFor();
  await expectSound(page, "topics");
  for (const q of ["ran", "onerror", "script", "zalgo"]) {
    await go({ q });
    await page.getByRole("option").first().waitFor();
    await expectSound(page, `search for ${q}`);
  }
  for (const q of ["<script>ran()</script>", '"', "-", "\u202e", "w".repeat(5000)]) {
    await go({ q });
    await page.getByRole("region", { name: "Stream" }).waitFor();
    await expectSound(page, `search for ${q.slice(0, 40)}`);
  }

  const frame = page.getByRole("complementary", { name: "Frame" });
  const settled = async () => {
    await frame.getByText("In a terminal").waitFor();
    await frame.getByText("reading…").first().waitFor({ state: "detached" });
  };
  for (const [at, id] of ids.entries()) {
    await go({ frame: id });
    await settled();
    await expectSound(page, `frame ${at}, ${id}`);
    for (const way of ["text", "hex"]) {
      const button = frame.getByRole("button", { name: way, exact: true });
      if ((await button.count()) === 0) continue;
      await button.click();
      await expectSound(page, `frame ${at}, ${id}, as ${way}`, [1280]);
    }
  }
  // What may keep the browser busy for ever is shown as text first.
  await go({ frame: costly });
  await frame.locator("pre").getByText("<use").waitFor();
  expect(await frame.locator("img").count()).toBe(0);
  // A hundred levels down, by the keyboard.
  await go({ frame: deep });
  const folded = frame.locator(".json [aria-expanded=false]");
  for (let level = 0; level < 100; level++) {
    await folded.last().press("Enter");
  }
  await until(
    "a deep tree",
    async () => (await frame.locator(".json [aria-expanded]").count()) > 100,
  );
  await expectSound(page, "a deep tree");
  for (const id of ["<script>ran()</script>", "javascript:ran()", "w".repeat(3000)]) {
    await go({ frame: id, as: "<img src=x onerror=ran()>", neighbours: "<script>" });
    await frame.getByText("There is no frame").or(frame.getByRole("alert")).first().waitFor();
    await expectSound(page, `frame ${id.slice(0, 30)}`);
  }

  for (const processor of ["", ...processors]) {
    await go({ view: "processors", processor });
    await page.getByText("__proto__.constructor").first().waitFor();
    await expectSound(page, `processors ${processor}`);
    for (const part of processor === "" ? [] : ["script", "state"]) {
      await go({ view: "processors", processor, part });
      await page.getByRole("complementary").waitFor();
      await expectSound(page, `processors ${processor} ${part}`);
    }
  }
  for (const key of ["", ...keys]) {
    await go({ view: "kv", key });
    if (key !== "") await page.getByRole("complementary").locator(".bytes").waitFor();
    await expectSound(page, `key ${JSON.stringify(key)}`);
  }
  await go({ view: "<script>ran()</script>" });
  await page.getByRole("option").first().waitFor();
  await expectSound(page, "no view");
  expect(strangers).toEqual([]);
  expect(faults).toEqual([]);
});
