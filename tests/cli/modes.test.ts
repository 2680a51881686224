// Every file of a store is for its owner alone, whatever the umask.
import { expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, lstatSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { startServer, XS } from "../support/server.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

/** What others may do with, in a store: each path with its mode. */
function openToOthers(store: string): string[] {
  return [".", ...readdirSync(store, { recursive: true, encoding: "utf8" })]
    .map((name) => ({ name, found: lstatSync(join(store, name), { throwIfNoEntry: false }) }))
    .filter(({ found }) => found && (found.mode & 0o077) !== 0)
    .map(({ name, found }) => `${name} ${((found?.mode ?? 0) & 0o777).toString(8)}`);
}

const HANDLER = `export default { run: (frame) => frame.topic === "in" ? frame.id : undefined };`;

/** Makes files of every kind in a store, with this umask. */
async function fill(home: Home, umask: string): Promise<void> {
  const under = ["sh", "-c", `umask ${umask}; exec "$@"`, "sh"];
  await using server = await startServer(home.store, { under, args: ["--expose", "127.0.0.1:0"] });
  await server.append("stream.cross.handler.spawn", HANDLER, { "xs-meta": `{"topic":"echo"}` });
  await until(
    "the handler",
    async () => (await server.frames("/?topic=stream.cross.handler.active"))[0],
  );
  for (let n = 0; n < 30; n++) await server.append("in", `small ${n}`);
  await server.append("in", "x".repeat(200_000));
  await until("small content is in files", async () => {
    const { staged } = (await (await server.fetch("/verify")).text())
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { staged?: number })
      .at(-1) ?? { staged: 1 };
    return staged === 0;
  });
  expect(openToOthers(home.store)).toEqual([]);
  expect(await server.stop("SIGTERM")).toBe(0);
}

test.each(["000", "022", "777"])("with a umask of %s", async (umask) => {
  using home = new Home();
  await fill(home, umask);
  // And what commands make themselves.
  const line = `umask ${umask}; echo direct | ${XS} append ${home.store} in && ${XS} import ./other < <(${XS} cat ${home.store})`;
  const { code, stderr } = await home.shell(line);
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  expect(openToOthers(home.store)).toEqual([]);
  expect(openToOthers(join(home.path, "other"))).toEqual([]);
  await home.ok(["verify", home.store]);
});

test("what an earlier version left open is closed", async () => {
  using home = new Home();
  await fill(home, "022");
  for (const name of readdirSync(home.store, { recursive: true, encoding: "utf8" })) {
    const path = join(home.store, name);
    chmodSync(path, statSync(path).isDirectory() ? 0o755 : 0o644);
  }
  chmodSync(home.store, 0o755);
  await using server = await startServer(home.store);
  await server.append("note", "after");
  await until("all is closed", () => openToOthers(home.store).length === 0);
  expect(await server.stop("SIGTERM")).toBe(0);
  await home.ok(["verify", home.store]);
});
