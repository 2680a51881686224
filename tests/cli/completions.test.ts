// The completions in real shells, on a real terminal: what each of them makes of a line once TAB was pressed.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Pty } from "../support/pty.ts";
import { type Server, startServer, XS } from "../support/server.ts";
import { missingTool } from "../support/tools.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { completed, completes } from "./completed.ts";
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
async function open(
  shell: Shell,
  env: Record<string, string> = {},
  setup: readonly string[] = SHELLS[shell].setup,
): Promise<Pty> {
  const { command } = SHELLS[shell];
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

/** How long a shell may take for a line before the test types it again, in ms. */
const AGAIN_MS = 3000;

/** Types a line, with \t for TAB, and returns the words that the command got; undefined where it did not run. */
async function typed(pty: Pty, line: string): Promise<string[] | undefined> {
  const before = pty.output.length;
  const end = Date.now() + AGAIN_MS;
  pty.type(`${line}\r`);
  const got = await until(`what comes of ${line}`, () => {
    const output = Bun.stripANSI(pty.output.slice(before));
    const [, words] = /(?:^|\n)[^\n]*?\bgot((?:<[^\n]*>)+)\r?\n/.exec(output) ?? [];
    return words ?? (Date.now() > end && "none");
  });
  if (got !== "none") return got.slice(1, -1).split("><");
  // A quote may be open still.
  pty.type("\x03");
  return undefined;
}

/** Types a line until it becomes these words: a busy server may answer too late for a completion. */
async function becomes(pty: Pty, line: string, words: readonly string[]): Promise<void> {
  let got: string[] | undefined;
  await until(line, async () => {
    // zsh takes the slash of a folder away again where the line ends.
    got = (await typed(pty, line))?.map((word) => word.replace(/(?<=folder)\/$/, ""));
    return Bun.deepEquals(got, words);
  }).catch(() => {});
  expect([line, got]).toEqual([line, [...words]]);
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
      for (const [line, words] of lines) await becomes(pty, line, words);
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
        await becomes(pty, line, words);
      }
    });

    test("a key is completed to what it is, whatever the shell would make of it", async () => {
      await using pty = await open(shell);
      for (const key of HOSTILE) {
        const begin = key.slice(0, 2);
        await becomes(pty, `xs kv get ${begin}\t`, ["kv", "get", key]);
        // Within a quote too, but for what the shell cannot write there.
        await becomes(pty, `xs kv get '${begin}\t`, ["kv", "get", key]);
        if (key !== "kf!x") await becomes(pty, `xs kv get "${begin}\t`, ["kv", "get", key]);
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
  const keys = [...HOSTILE, "views/count"].toSorted();
  await completes(home, ["kv", "get", home.store, ""], keys);
});

test("the names of processors are completed in the frame that ends one", async () => {
  await server.append(
    "stream.cross.handler.spawn",
    "export default { topics: ['x'], run: () => {} }",
    { "xs-meta": JSON.stringify({ topic: "mine" }) },
  );
  const line = ["append", home.store, "stream.cross.handler.terminate", "--meta", ""];
  await until("the handler runs", async () =>
    (await completed(home, line)).includes('{"topic":"mine"}'),
  );
});

test("the names of tokens are completed where one is removed", async () => {
  await home.ok(["token", "add", home.store, "phone", "--read", "*"]);
  await completes(home, ["token", "rm", home.store, ""], ["phone"]);
  expect(await completed(home, ["token", "add", home.store, ""])).not.toContain("phone");
  await home.ok(["token", "rm", home.store, "phone"]);
});

test("the ids of scheduled appends are completed where one is taken back", async () => {
  const answer = await server.fetch("/later?at=2099-01-01", { method: "POST" });
  const { scheduled } = (await answer.json()) as { scheduled: string };
  await completes(home, ["scheduled", "rm", home.store, ""], [scheduled]);
  expect(await completed(home, ["get", home.store, ""])).not.toContain(scheduled);
  await home.ok(["scheduled", "rm", home.store, scheduled]);
});

test("many keys are completed as far as their next slash", async () => {
  for (let at = 0; at < 60; at++) {
    await server.fetch(`/kv/many/${at % 2}/${at}`, { method: "PUT", body: "1" });
  }
  await completes(home, ["kv", "get", home.store, "many/"], ["many/0/", "many/1/"]);
  const even = Array.from({ length: 30 }, (_, at) => `many/0/${2 * at}`).toSorted();
  await completes(home, ["kv", "get", home.store, "many/0/"], even);
});

test("a store without a server is left alone, and the place is not made into one", async () => {
  const alone = join(home.path, "alone");
  await home.makeStore(alone);
  const before = readdirSync(alone).toSorted();
  for (const address of [alone, join(home.path, "never")]) {
    for (const line of [
      ["cat", address, "-T", ""],
      ["kv", "get", address, ""],
    ]) {
      expect(await home.ok(["__complete", "fish", ...line])).toBe("none\n");
    }
  }
  expect(readdirSync(alone).toSorted()).toEqual(before);
  expect(existsSync(join(home.path, "never"))).toBe(false);
});

test("a server over TCP is asked with its token, and one that hangs is not waited for", async () => {
  const other = join(home.path, "other");
  await using exposed = await startServer(other, { args: ["--expose", ":0"] });
  await exposed.append("elsewhere");
  const at = await exposed.listensAt("expose");
  const token = (await Bun.file(join(other, "token")).text()).trim();
  const line = ["cat", at, "-T", "els"];
  await completes(home, line, ["elsewhere"], { XS_TOKEN: token });
  const ask = (env: Record<string, string>) => home.ok(["__complete", "fish", ...line], { env });
  expect(await ask({ XS_TOKEN: "wrong" })).toBe("none\n");
  process.kill(exposed.pid, "SIGSTOP");
  expect(await ask({ XS_TOKEN: token })).toBe("none\n");
  process.kill(exposed.pid, "SIGCONT");
});

test("as a file of fpath, the script of zsh completes at the first TAB", async () => {
  if (missingTool("zsh", "zsh")) return;
  mkdirSync(join(home.path, "fpath"));
  writeFileSync(join(home.path, "fpath/_xs"), await home.ok(["completions", "zsh"]));
  const [first, , , last] = SHELLS.zsh.setup;
  await using pty = await open("zsh", {}, [
    first,
    "fpath=($HOME/fpath $fpath); autoload -U compinit && compinit -u -D",
    last,
  ]);
  await becomes(pty, "xs app\t", ["append"]);
});

test("the functions answer without a terminal too, as other tools call them", async () => {
  const inBash = async (...words: string[]) => {
    const { stdout } = await home.shell(
      `export PATH="$HOME/bin:$PATH"; source <(command xs completions bash)
       COMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}; _xs; printf '%s\\n' "\${COMPREPLY[@]}"`,
    );
    return stdout;
  };
  await until(
    "a topic",
    async () => (await inBash("xs", "cat", home.store, "-T", "no")) === "note\n",
  );
  expect(await inBash("xs", "cat", "./a-f")).toBe("./a-folder\n");
  expect(await inBash("xs", "eval", "scr")).toBe("script.ts\n");
  if (missingTool("fish", "fish")) return;
  const inFish = async (line: string) => {
    const script = `command xs completions fish | source; complete -C ${JSON.stringify(line)}`;
    const env = { PATH: `${home.path}/bin:${process.env.PATH}`, XS_ADDR: home.store };
    return (await home.run(["fish", "--no-config", "-c", script], { env })).stdout;
  };
  await until("a topic", async () => (await inFish("xs cat -T no")) === "note\n");
  await until("a value", async () => (await inFish("xs append x --ttl=fo")) === "--ttl=forever\n");
  expect(await inFish("xs cat --reco")).toMatch(/^--reconnect\t/);
});
