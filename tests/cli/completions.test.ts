// The completions in real shells, on a real terminal: what each of them makes of a line once TAB was pressed.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Pty } from "../support/pty.ts";
import { type Server, startServer, XS } from "../support/server.ts";
import { missingTool } from "../support/tools.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

/** How each shell starts with nothing of the user's, and the lines that it gets. */
const SHELLS = {
  bash: {
    command: ["bash", "--norc", "--noprofile", "-i"],
    setup: [
      "PS1='ready> '",
      "bind 'set enable-bracketed-paste off'; bind 'set bell-style none'",
      "set +o history",
      "source <(command xs completions bash)",
      `xs() { printf 'got'; printf '<%s>' "$@"; echo; }`,
    ],
  },
  zsh: {
    command: ["zsh", "-f", "-i"],
    setup: [
      "unsetopt zle_bracketed_paste beep prompt_cr; unset zle_bracketed_paste; PS1='ready> '",
      "autoload -U compinit && compinit -u -D",
      "source <(command xs completions zsh)",
      `xs() { printf 'got'; printf '<%s>' "$@"; echo; }`,
    ],
  },
  fish: {
    command: ["fish", "--no-config", "-i"],
    setup: [
      "function fish_prompt; echo 'ready> '; end; set -g fish_autosuggestion_enabled 0",
      "command xs completions fish | source",
      `function xs; printf 'got'; printf '<%s>' $argv; echo; end`,
    ],
  },
} as const;

type Shell = keyof typeof SHELLS;

/** Keys that a shell would run, expand or cut, if the completion let it. */
const HOSTILE = [
  "k1 with spaces",
  "k2'single",
  'k3"double',
  "k4$(touch pwned)",
  "k5`touch pwned`",
  "k6;touch pwned",
  "k7&touch pwned",
  "k8$HOME",
  "k9*",
  "ka\\b",
  "kb>pwned",
  "kc{x,y}",
  "kd#x",
  "ke:x=y",
  "kf!x",
  "kg(x)[y]",
  "kh/ü€𝄞",
  "ki%s",
];

const home = new Home();
let server: Server;

beforeAll(async () => {
  server = await startServer(home.store);
  mkdirSync(join(home.path, "bin"));
  symlinkSync(XS, join(home.path, "bin/xs"));
  mkdirSync(join(home.path, "a-folder"));
  for (const name of ["file one.tar", "script.ts"]) writeFileSync(join(home.path, name), "");
  for (const topic of ["note", "door.open", "door.closed"]) await server.append(topic);
  for (const key of [...HOSTILE, "views/count", "new\nline", "esc\x1b[31m"]) {
    const path = `/kv/${encodeURIComponent(key)}`;
    expect((await server.fetch(path, { method: "PUT", body: "1" })).ok).toBe(true);
  }
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  home[Symbol.dispose]();
});

/** A shell on a terminal, with the completions. */
async function open(shell: Shell, env: Record<string, string> = {}): Promise<Pty> {
  const { command, setup } = SHELLS[shell];
  const pty = new Pty([], {
    cwd: home.path,
    columns: 200,
    command,
    env: {
      PATH: `${home.path}/bin:${process.env.PATH}`,
      XS_ADDR: home.store,
      INPUTRC: "/dev/null",
      HISTFILE: "/dev/null",
      ...env,
    },
  });
  for (const line of setup) pty.type(`${line}\r`);
  pty.type(`printf 'set%s\\n' up\r`);
  await pty.shows("setup");
  return pty;
}

/** Types a line, with \t for TAB, and returns the words that the command got, or "" for none. */
async function typed(pty: Pty, line: string): Promise<string[]> {
  const before = pty.output.length;
  pty.type(`${line}\r`);
  const got = await until(`what came of ${line}: ${pty.output.slice(before)}`, () => {
    const output = Bun.stripANSI(pty.output.slice(before));
    return /(?:^|\n)[^\n]*?\bgot((?:<[^\n]*>)+)\r?\n/.exec(output)?.[1];
  });
  return got.slice(1, -1).split("><");
}

for (const shell of Object.keys(SHELLS) as Shell[]) {
  const missing = missingTool(shell, shell);
  const named = missing ? ` (skipped: ${missing})` : "";
  describe.skipIf(missing !== undefined)(`in ${shell}${named}`, () => {
    test("commands, options, values and topics are completed", async () => {
      await using pty = await open(shell);
      const lines: [line: string, words: string[]][] = [
        ["xs app\t", ["append"]],
        ["xs hel\t", ["help"]],
        ["xs help comple\t", ["help", "completions"]],
        ["xs kv wat\t", ["kv", "watch"]],
        ["xs handler t\t", ["handler", "try"]],
        ["xs cat --with\t", ["cat", "--with-timestamp"]],
        ["xs cat --reco\t", ["cat", "--reconnect"]],
        ["xs kv watch --pre\t", ["kv", "watch", "--prefix"]],
        ["xs kv put k --if-m\t x", ["kv", "put", "k", "--if-match", "x"]],
        ["xs append note --ttl fore\t", ["append", "note", "--ttl", "forever"]],
        ["xs append note --ttl=eph\t", ["append", "note", "--ttl=ephemeral"]],
        ["xs append note --ttl time:7\t", ["append", "note", "--ttl", "time:7d"]],
        ["xs append note --ttl=time:4\t", ["append", "note", "--ttl=time:4w"]],
        ["xs cat --order arr\t", ["cat", "--order", "arrival"]],
        ["xs append x --chunked li\t", ["append", "x", "--chunked", "lines"]],
        ["xs completions fi\t", ["completions", "fish"]],
        ["xs append no\t", ["append", "note"]],
        ["xs cat -T no\t", ["cat", "-T", "note"]],
        ["xs cat --topic no\t", ["cat", "--topic", "note"]],
        ["xs cat --topic=door.o\t", ["cat", "--topic=door.open"]],
        ["xs cat -T note,door.o\t", ["cat", "-T", "note,door.open"]],
        ["xs last no\t 3", ["last", "note", "3"]],
        [`xs last ${home.store} door.c\t`, ["last", home.store, "door.closed"]],
        [`xs kv get -s ${home.store} vie\t`, ["kv", "get", "-s", home.store, "views/count"]],
        [`xs last --store=${home.store} no\t`, ["last", `--store=${home.store}`, "note"]],
        ["xs cat -fT no\t", ["cat", "-fT", "note"]],
        ["xs append -- no\t", ["append", "--", "note"]],
        ["xs append stream.cross.handler.s\t", ["append", "stream.cross.handler.spawn"]],
        ["xs kv ls vie\t", ["kv", "ls", "views/count"]],
        ["xs kv rm --if-m\t x", ["kv", "rm", "--if-match", "x"]],
        ["xs help --a\t", ["help", "--all"]],
        ["xs kv get vie\t", ["kv", "get", "views/count"]],
        [`xs kv get ${home.store} vie\t`, ["kv", "get", home.store, "views/count"]],
      ];
      for (const [line, words] of lines)
        expect([line, await typed(pty, line)]).toEqual([line, words]);
    });

    test("files and folders are completed where a path stands", async () => {
      await using pty = await open(shell);
      for (const [line, words] of [
        ["xs import fil\t", ["import", "file one.tar"]],
        ["xs eval scr\t", ["eval", "script.ts"]],
        ["xs handler try scr\t", ["handler", "try", "script.ts"]],
        ["xs cat ./a-fo\t", ["cat", "./a-folder"]],
        ["xs serve a-fo\t", ["serve", "a-folder"]],
        ["xs cat -s a-fo\t", ["cat", "-s", "a-folder"]],
        ["xs append note < scr\t", ["append", "note"]],
      ] as const) {
        // zsh takes the slash away again where the line ends.
        const got = (await typed(pty, line)).map((word) => word.replace(/\/$/, ""));
        expect([line, got]).toEqual([line, [...words]]);
      }
    });

    test("a key is completed to what it is, whatever the shell would make of it", async () => {
      await using pty = await open(shell);
      for (const key of HOSTILE) {
        const line = `xs kv get ${key.slice(0, 2)}\t`;
        expect([line, await typed(pty, line)]).toEqual([line, ["kv", "get", key]]);
        // Within a quote too, but for what the shell cannot write there.
        const open = `xs kv get '${key.slice(0, 2)}\t`;
        expect([open, await typed(pty, open)]).toEqual([open, ["kv", "get", key]]);
        if (key === "kf!x") continue;
        const double = `xs kv get "${key.slice(0, 2)}\t`;
        expect([double, await typed(pty, double)]).toEqual([double, ["kv", "get", key]]);
      }
      expect(existsSync(join(home.path, "pwned"))).toBe(false);
    });

    test("nothing is printed, made or waited for where no server answers", async () => {
      const silent = Bun.listen({
        unix: join(home.path, `${shell}.sock`),
        socket: { data() {} },
      });
      try {
        for (const address of [
          join(home.path, "none-here"),
          join(home.path, `${shell}.sock`),
          ":1",
          "ssh://nowhere",
        ]) {
          await using pty = await open(shell, { XS_ADDR: address });
          expect(await typed(pty, "xs cat -T no\tx")).toEqual(["cat", "-T", "nox"]);
          expect(pty.output).not.toMatch(/no answer|no store|should not/);
        }
      } finally {
        silent.stop(true);
      }
      expect(readdirSync(home.path)).not.toContain("none-here");
    });
  });
}

test("what control characters hide is not offered", async () => {
  const words = await home.ok(["__complete", "fish", "kv", "get", home.store, ""]);
  expect(words).toContain("views/count");
  expect(words).not.toMatch(/new|esc/);
});

test("the names of processors are completed in the frame that ends one", async () => {
  await server.append(
    "stream.cross.handler.spawn",
    "export default { topics: ['x'], run: () => {} }",
    { "xs-meta": JSON.stringify({ topic: "mine" }) },
  );
  const line = ["append", home.store, "stream.cross.handler.terminate", "--meta", ""];
  await until("the handler runs", async () =>
    (await home.ok(["__complete", "fish", ...line])).includes('{"topic":"mine"}'),
  );
});

test("many keys are completed as far as their next slash", async () => {
  for (let at = 0; at < 60; at++) {
    await server.fetch(`/kv/many/${at % 2}/${at}`, { method: "PUT", body: "1" });
  }
  const words = (current: string) =>
    home.ok(["__complete", "fish", "kv", "get", home.store, current]);
  expect(await words("many/")).toBe("none\nmany/0/\nmany/1/\n");
  expect((await words("many/0/")).split("\n")).toContain("many/0/2");
});
