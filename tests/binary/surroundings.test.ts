import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Home } from "../cli/run-xs.ts";
import { startServer } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** A folder full of files that a JavaScript runtime would take notice of. */
async function plantTraps(home: Home): Promise<string> {
  const trap = `await Bun.write(${JSON.stringify(join(home.path, "sprung"))}, "");\n`;
  const files = {
    ".env": "XS_ADDR=./trap\nXDG_DATA_HOME=./trap\nHOME=./trap\n",
    ".env.local": "XS_ADDR=./trap\n",
    ".env.production": "XS_ADDR=./trap\n",
    ".env.development": "XS_ADDR=./trap\n",
    "bunfig.toml": `preload = ["./trap.ts"]\n[run]\npreload = ["./trap.ts"]\nsilent = true\n`,
    "trap.ts": trap,
    "index.ts": trap,
    "package.json": `{"scripts":{"cat":"touch sprung","append":"touch sprung"}}`,
    "tsconfig.json": "{ this is no JSON",
  };
  const folder = join(home.path, "folder");
  for (const [name, text] of Object.entries(files)) await Bun.write(join(folder, name), text);
  return folder;
}

test("the files of the current folder change nothing: no .env, bunfig.toml or package.json is read", async () => {
  using home = new Home();
  const cwd = await plantTraps(home);
  await home.ok(["append", "note"], { cwd });
  const own = join(home.path, ".local/share/cross.stream/store");
  expect(await home.topics(own)).toEqual(["note"]);
  expect(await home.ok(["cat"], { cwd })).toContain('"topic":"note"');
  expect(await home.ok(["version"], { cwd })).toBe(await home.ok(["version"]));
  expect([existsSync(join(cwd, "trap")), existsSync(join(home.path, "sprung"))]).toEqual([
    false,
    false,
  ]);
});

test("a server that is started in such a folder serves as anywhere else", async () => {
  using home = new Home();
  const cwd = await plantTraps(home);
  await using server = await startServer(home.store, { cwd });
  expect((await server.append("note")).topic).toBe("note");
  expect(existsSync(join(home.path, "sprung"))).toBe(false);
});

test("variables that steer a JavaScript runtime do not turn xs into one", async () => {
  using home = new Home();
  const env = { BUN_BE_BUN: "", NODE_ENV: "production", NODE_OPTIONS: "--bad", FORCE_COLOR: "0" };
  await home.ok(["append", home.store, "note"], { env });
  expect(await home.topics(home.store)).toEqual(["note"]);
});

test("the binary works where it is the only file", async () => {
  using home = new Home();
  const env = { PATH: "" };
  await home.ok(["append", home.store, "note"], { env, stdin: "hi" });
  const { hash } = JSON.parse(await home.ok(["last", home.store, "note"], { env }));
  expect(await home.ok(["cas", home.store, hash], { env })).toBe("hi");
});
