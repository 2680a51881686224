// A command's start is the wait of whoever types it, and of every step of a shell's loop. A time limit would fail on a
// busy machine, so this test counts what a command loads instead.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { plainEnv, type Server, startServer } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

const root = join(import.meta.dir, "../..");

/** Every command loads these files of ours. */
const EVERY = `
  main cli/kit/complain cli/kit/exit-code cli/kit/output cli/kit/run cli/kit/run-verb cli/kit/verb cli/kit/verbs core/error
  lib/error-stack lib/roles`;

/** What finds a server and asks it. */
const CLIENT = `
  cli/kit/connect cli/kit/response-body cli/kit/show cli/kit/target client/address client/connect client/first-try client/reach client/steady-ask core/absolute-path
  core/http lib/builtins lib/is-terminal net/api-answer net/connection-error net/http-client
  net/listen-address net/proxy net/text-body net/unix-socket store/is-store store/lock-holder store/owner`;

const READ =
  "cli/kit/frame-options cli/kit/read core/id core/pattern core/read-options core/time core/topic";
const APPEND = `
  cli/kit/content cli/kit/input cli/verbs/append core/chunk core/cross-stream core/frame core/hash core/header core/id core/inline-content
  core/json core/time core/topic core/ttl core/utf8 lib/streams lib/text`;
const OPTIONS = "cli/kit/command";

/** The library that checks ids, which is small. */
const IDS = ["node_modules/scru128/dist/index.js"];
/** What parses options: the first of them costs a fourth of `xs version`. */
const PARSER = [
  "node:util",
  "node_modules/citty/dist/_chunks/libs/scule.mjs",
  "node_modules/citty/dist/index.mjs",
];

// What is not of ours is listed whole: one such module costs more than all of our files together.
const COMMANDS: [line: string[], ours: string, others: string[]][] = [
  [["version"], `${EVERY} cli/verbs/version version`, []],
  [["last", "./store"], `${EVERY} ${CLIENT} ${READ} cli/verbs/first-last`, IDS],
  // Where the store is only found, its owner is looked at.
  [["last"], `${EVERY} ${CLIENT} ${READ} cli/verbs/first-last`, ["node:fs", "node:path", ...IDS]],
  [
    ["last", "-s", "./store"],
    `${EVERY} ${CLIENT} ${READ} ${OPTIONS} cli/verbs/first-last`,
    [...PARSER, ...IDS],
  ],
  [["append", "./store", "note"], `${EVERY} ${CLIENT} ${APPEND}`, IDS],
  [["append", "./store", "note", "hello"], `${EVERY} ${CLIENT} ${APPEND} cli/kit/first-word`, IDS],
  [
    ["append", "./store", "note", "--meta", "1"],
    `${EVERY} ${CLIENT} ${APPEND} ${OPTIONS}`,
    [...PARSER, ...IDS],
  ],
  [
    ["cat", "./store", "--limit", "1"],
    `${EVERY} ${CLIENT} ${READ} ${OPTIONS} cli/verbs/cat`,
    [...PARSER, ...IDS],
  ],
];

let home: Home;
let server: Server;
beforeAll(async () => {
  home = new Home();
  server = await startServer(join(home.path, "store"));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  home[Symbol.dispose]();
});

test.each(COMMANDS)(
  "in a pipe, xs %j loads nothing but what it needs",
  async (line, ours, others) => {
    const loads = await loadsOf(line);
    const allowed = ours.trim().split(/\s+/);
    const isOurs = (name: string) => name.startsWith("src/");
    const named = loads.filter(isOurs).map((name) => name.slice("src/".length, -".ts".length));
    // Is it needed before the answer of the server is printed? If not, load it where it is used, with `await import`.
    expect(named.filter((name) => !allowed.includes(name))).toEqual([]);
    expect(loads.filter((name) => !isOurs(name))).toEqual(others.toSorted());
  },
);

test.each([
  [["ps", "./store", "--all"]],
  [["info", "./store"]],
  [["kv", "list", "./store"]],
  [["topics", "./store"]],
  [["help", "ui"]],
])("xs %j loads nothing of the inspector", async (line) => {
  const loads = await loadsOf(line);
  expect(loads.filter((name) => name.startsWith("src/ui/"))).toEqual([]);
});

test("without a server, xs cat loads few modules of the runtime", async () => {
  await home.makeStore(join(home.path, "alone"));
  const loads = await loadsOf(["cat", "./alone"]);
  expect(loads.filter((name) => !name.startsWith("src/"))).toEqual([
    "bun:ffi",
    "bun:sqlite",
    "node:fs",
    "node:fs/promises",
    "node:os",
    "node:path",
    "node_modules/consola/dist/core.mjs",
    ...IDS,
  ]);
});

/** What the program loads for a command line: files, modules of the runtime, and streams of the process. */
async function loadsOf(line: readonly string[]): Promise<string[]> {
  const file = join(home.path, "loads");
  const recorder = join(root, "tests/support/record-loads.ts");
  const child = Bun.spawn(
    [process.execPath, "--preload", recorder, join(root, "src/main.ts"), ...line],
    {
      cwd: home.path,
      env: { ...plainEnv(home.path), XS_LOADS: file },
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  const [stderr, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  expect([stderr, code]).toEqual(["", 0]);
  return (await Bun.file(file).text()).split("\n").toSorted();
}
