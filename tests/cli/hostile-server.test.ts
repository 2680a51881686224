// biome-ignore-all lint/suspicious/noControlCharactersInRegex: a terminal obeys these characters.
// A server that is hostile, or none of xs: a terminal obeys nothing of what it says, and a person reads what it is.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { API_HEADER } from "../../src/core/http.ts";
import { Pty } from "../support/pty.ts";
import { XS } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(4 * TEST_MS);

const OBEYED = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/;
/** The sequences that format text, and those of a line that is drawn again. */
const OURS = /\x1b\[[0-9;]*[mK]|\r/g;
const EVIL = "\x1b]0;owned\x07 \x9b31m \u202egnp.exe \u2066";
/** As JSON leaves C1 and bidi characters raw, and a server may. */
const evil = (members: object) => JSON.stringify({ ...FRAME, ...members });
const ID = "03hadtdyn9s2dxl5soli9q9dz";
const HASH = "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
const FRAME = { topic: EVIL, id: ID, hash: HASH, meta: { evil: EVIL }, ttl: EVIL };
const ENTRY = { key: EVIL, rev: ID, size: 5, type: EVIL, value: EVIL };

let home: Home;
let said = "";
let server: Bun.Server<undefined>;
beforeAll(() => {
  home = new Home();
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () =>
      new Response(said, {
        headers: { [API_HEADER]: "1", etag: `"${EVIL}"`.replace(/[^ -~]/g, "") },
      }),
  });
});
afterAll(() => {
  server.stop(true);
  home[Symbol.dispose]();
});

async function onTerminal(args: readonly string[], columns: number) {
  // Some commands read stdin.
  const command = ["bash", "-c", 'echo word | "$0" "$@"', XS];
  await using pty = new Pty(args, { cwd: home.path, columns, command });
  const code = await pty.end();
  return { code, output: pty.output };
}

/** Every command that prints what a server says. */
function commands(): string[][] {
  const at = `127.0.0.1:${server.port}`;
  return [
    ["version", at],
    ["cat", at],
    ["cat", at, "--long"],
    ["cat", at, "--json"],
    ["cat", at, "--sse"],
    ["get", at, ID, "--long"],
    ["last", at, "note"],
    ["append", at, "note", "word"],
    ["cas-post", at],
    ["content", at, ID],
    ["gc", at],
    ["gc", at, "--compact"],
    ["verify", at],
    ["ps", at],
    ["ps", at, "--all"],
    ["scheduled", at],
    ["keep", at],
    ["keep", at, "note", "7d"],
    ["forget", at, "note", "--dry-run"],
    ["kv", "list", at],
    ["kv", "get", at, "key"],
    ["kv", "get", at, "key", "--json"],
    ["kv", "put", at, "key", "value"],
    ["token", "add", at, "phone", "--read", "note"],
    ["token", "list", at],
    ["handler", "logs", at, "counter"],
    ["handler", "state", at, "counter"],
    ["generator", "stop", at, "counter"],
  ];
}

test("a terminal obeys nothing that a hostile server says, in any field", async () => {
  const obeyed: unknown[] = [];
  for (const line of [
    evil({ content_error: EVIL }),
    evil({ id: EVIL, content: EVIL }),
    evil({ id: EVIL, content_base64: "AAAA" }),
    evil({ id: EVIL, content_size: 300_000 }),
    evil({
      topic: `stream.cross.handler.${EVIL}`,
      meta: { topic: "counter", spawn_id: ID, reason: EVIL },
    }),
    JSON.stringify(ENTRY),
    JSON.stringify({
      ...ENTRY,
      version: EVIL,
      token: EVIL,
      name: EVIL,
      kind: "handler",
      state: EVIL,
    }),
    JSON.stringify({
      problem: EVIL,
      database: { free: EVIL, size: EVIL, seconds: EVIL, beside: EVIL },
    }),
    EVIL,
  ]) {
    said = `${line}\n`;
    for (const command of commands()) {
      const { output } = await onTerminal(command, 200);
      const rest = output.replaceAll(OURS, "");
      if (OBEYED.test(rest)) obeyed.push([line, command, rest]);
    }
  }
  expect(obeyed).toEqual([]);
});

test("a server that says what no store says is named, and no fault of xs is", async () => {
  const faults: unknown[] = [];
  for (const line of ["hello", "null", '{"topic":5,"id":5}']) {
    said = `${line}\n`;
    for (const command of commands()) {
      const { output } = await onTerminal(command, 80);
      if (output.includes("should not have happened")) faults.push([line, command, output]);
      const { stderr } = await home.xs(command);
      if (stderr.includes("should not have happened")) faults.push([line, command, stderr]);
    }
  }
  expect(faults).toEqual([]);
});
