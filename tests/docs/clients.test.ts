// The clients of docs/clients.md, as they stand there, against a server that stops and comes back.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Home } from "../cli/run-xs.ts";
import { browserTest, openBrowser } from "../support/browser.ts";
import { plainEnv, type Server, startServer } from "../support/server.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const PAGE = readFileSync(join(import.meta.dir, "../../docs/clients.md"), "utf8");
/** How many clients count in the key at the same time. */
const CLIENTS = 3;

/** The client in a language. */
function client(language: string): string {
  return new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "ms").exec(PAGE)?.[1] ?? "";
}

let home: Home;
let server: Server;
beforeEach(async () => {
  home = new Home();
  server = await startServer(home.store);
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  home[Symbol.dispose]();
});

/** What a client has printed so far. */
type Printed = () => string;

/**
 * Checks clients that have begun: each appends and counts, and then follows, also when the server was away.
 *
 * @param args of the server that comes back
 */
async function expectClients(
  clients: readonly Printed[],
  meta: object,
  key: string,
  args: readonly string[] = [],
): Promise<void> {
  const frames = await until(`${clients.length} frames`, async () => {
    const found = await server.frames("/stream/note");
    return found.length === clients.length && found;
  });
  for (const frame of frames) {
    expect(frame.meta).toMatchObject(meta);
    expect(await (await server.fetch(`/${frame.id}/content`)).text()).toBe("hello");
  }
  const counted = () => server.fetch(`/kv/${key}`).then((response) => response.text());
  await until("all have counted", async () => (await counted()) === String(clients.length));
  const seen = async (id: string) => {
    for (const [at, printed] of clients.entries()) {
      await until(`client ${at} prints ${id} after:\n${printed()}`, () =>
        printed().includes(`\n${id} `),
      );
    }
  };
  const { id: live } = await server.append("note", "live");
  await seen(live);
  expect(await server.stop("SIGTERM")).toBe(0);
  server = await startServer(home.store, { args });
  const { id: later } = await server.append("note", "later");
  await seen(later);
  const ids = (await server.frames("/stream/note")).map(({ id }) => id);
  for (const printed of clients) {
    const lines = printed().split("\n");
    // The first line is its own append.
    const followed = lines.slice(1).map((line) => line.split(" ")[0]);
    expect(followed.filter((id) => id !== "")).toEqual(ids);
  }
}

/** Runs a command as several clients at once. */
async function expectCommand(command: readonly string[], meta: object): Promise<void> {
  const env = plainEnv(home.path);
  const children = Array.from({ length: CLIENTS }, () =>
    Bun.spawn([...command, home.store], { cwd: home.path, env, stdout: "pipe", stderr: "pipe" }),
  );
  try {
    const printed = children.map(({ stdout, stderr }) => {
      let text = "";
      for (const stream of [stdout, stderr]) {
        void (async () => {
          for await (const part of stream.pipeThrough(new TextDecoderStream())) text += part;
        })();
      }
      return () => text;
    });
    await expectClients(printed, meta, "visits");
  } finally {
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(children.map(({ exited }) => exited));
  }
}

describe("docs/clients.md", () => {
  const python = Bun.which("python3");
  test.skipIf(!python)(`Python (${python ?? "python3 is not here"})`, async () => {
    const path = join(home.path, "client.py");
    writeFileSync(path, client("python"));
    await expectCommand(["python3", path], { from: "Python" });
  });

  const go = Bun.which("go");
  test.skipIf(!go)(
    `Go (${go ?? "go is not here"})`,
    async () => {
      const path = join(home.path, "client.go");
      writeFileSync(path, client("go"));
      const binary = join(home.path, "client");
      // Its cache spares it the whole standard library.
      const env = { ...process.env, GOTOOLCHAIN: "local", GOFLAGS: "" };
      const built = Bun.spawnSync(["go", "build", "-o", binary, path], { cwd: home.path, env });
      expect([built.exitCode, built.stderr.toString()]).toEqual([0, ""]);
      const format = Bun.spawnSync(["gofmt", "-l", path]);
      expect(format.stdout.toString()).toBe("");
      await expectCommand([binary], { from: "Go" });
      // Without its cache go compiles the standard library.
    },
    4 * TEST_MS,
  );

  browserTest("a page in a browser", async () => {
    await server[Symbol.asyncDispose]();
    server = await startServer(home.store, { args: ["--expose", ":0"] });
    const api = await server.listensAt("expose");
    using site = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => new Response("<p>", { headers: { "content-type": "text/html" } }),
    });
    const [, add = "", serve = ""] =
      /^xs (token add .*)\nxs (serve .*)$/m.exec(client("sh").length > 0 ? PAGE : "") ?? [];
    expect(serve).toBe("serve ./store --expose :3021");
    const [, , ...options] = add.replace("https://app.example", site.url.origin).split(" ");
    const token = (await home.ok(["token", "add", home.store, ...options])).trimEnd();
    const script = client("js").replace("127.0.0.1:3021", api).replace("xs_…", token);
    await using browser = await openBrowser();
    const pages = await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        const page = await browser.newPage();
        let text = "";
        page.on("console", (message) => {
          // A browser also reports each 404.
          if (message.type() === "log") text += `${message.text().replace(/\n /, " ")}\n`;
        });
        await page.goto(site.url.href);
        await page.addScriptTag({ content: script, type: "module" });
        return () => text;
      }),
    );
    await expectClients(pages, { from: "a page", by: "page" }, "page/visits", ["--expose", api]);
  });
});
