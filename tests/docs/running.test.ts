// The unit and the configurations of docs/running.md, as they stand there.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Home } from "../cli/run-xs.ts";
import { missingNginx, Nginx } from "../support/nginx.ts";
import { startServer, XS } from "../support/server.ts";
import { LineReader, TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const GUIDE = readFileSync(join(import.meta.dir, "../../docs/running.md"), "utf8");
const HANDLER = `export default {
  topics: ["http.request"],
  run: (frame) => ({ response: { body: frame.meta } }),
};`;

/** The block in a language. */
function block(language: string): string {
  return new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "ms").exec(GUIDE)?.[1] ?? "";
}

test.skipIf(!Bun.which("systemd-analyze"))(
  "systemd finds nothing wrong with the unit",
  async () => {
    using home = new Home();
    const unit = block("ini");
    expect(unit).toContain("ExecStart=/usr/local/bin/xs serve %h/store\n");
    const path = join(home.path, "xs.service");
    writeFileSync(path, unit.replace("/usr/local/bin/xs", XS));
    const run = join(home.path, "run");
    mkdirSync(run, { mode: 0o700 });
    const env = { XDG_RUNTIME_DIR: run };
    const { code, stdout, stderr } = await home.run(["systemd-analyze", "verify", "--user", path], {
      env,
    });
    expect([code, stdout, stderr]).toEqual([0, "", ""]);
  },
);

describe.skipIf(missingNginx !== undefined)(`nginx (${missingNginx ?? "it is here"})`, () => {
  test("passes on the API and the gateway", async () => {
    using home = new Home();
    await using server = await startServer(home.store, {
      args: ["--http", ":0", "--expose", ":0"],
    });
    const [http, expose] = [await server.listensAt("http"), await server.listensAt("expose")];
    await using nginx = await Nginx.start(home.path, (listen) =>
      block("nginx")
        .replaceAll("listen 443 ssl;", listen)
        .replace("127.0.0.1:3000", http)
        .replace("127.0.0.1:3021", expose),
    );
    const token = readFileSync(join(home.store, "token"), "utf8").trim();
    const api = { host: "xs.example.org", authorization: `Bearer ${token}` };

    const followed = await nginx.fetch("/?follow&topic=note", { headers: api });
    const lines = new LineReader(followed.body);
    await lines.through((line) => line.includes("stream.cross.threshold"));
    // More than nginx takes by default.
    const body = new Uint8Array(2_000_000);
    const append = await nginx.fetch("/stream/note", { method: "POST", body, headers: api });
    expect(append.status).toBe(200);
    const [line = ""] = await lines.take(1);
    expect(line).toBe((await append.text()).trim());
    await lines.cancel();

    await server.append("stream.cross.handler.spawn", HANDLER, { "xs-meta": '{"topic":"web"}' });
    await until("the handler", async () => {
      const started = await server.frames("/?topic=stream.cross.handler.active");
      return started.length > 0;
    });
    const page = await nginx.fetch("/a%20b?x=1", { headers: { host: "www.example.org" } });
    expect(page.status).toBe(200);
    const { authority, uri, headers } = (await page.json()) as Record<string, string>;
    expect([authority, uri]).toEqual(["www.example.org", "/a%20b?x=1"]);
    expect(Object.keys(headers ?? {})).toContain("x-forwarded-for");
  });
});
