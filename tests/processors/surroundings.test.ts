// What a script finds around it: its standard streams, its environment, and the program that runs it.
import { expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import {
  answered,
  ask,
  countOf,
  events,
  expectAlive,
  framesOf,
  processesWith,
  say,
  sayMany,
  serving,
  spawn,
  statuses,
  terminate,
  textsOf,
  WITH_NU,
} from "../support/processors.ts";
import { type Server, startServer, XS } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const SH = { runtime: "sh" };
const ONCE = { runtime: "sh", restart: "never" };

/** What a shell script prints, line by line, when it runs once. */
async function printed(server: Server, name: string, script: string): Promise<string[]> {
  const frame = await spawn(server, "generator", name, script, ONCE);
  await answered(server, frame, "finished");
  return textsOf(server, `${name}.recv`);
}

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly isZombie: boolean;
}

/** All processes, from proc(5). */
function allProcesses(): Map<number, Stat> {
  const all = new Map<number, Stat>();
  for (const name of readdirSync("/proc")) {
    if (!/^[0-9]+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const pid = Number(name);
      all.set(pid, { pid, parent: Number(parent), isZombie: state === "Z" });
    } catch {
      // It ended while we looked.
    }
  }
  return all;
}

function isBelow(pid: number, above: number, all = allProcesses()): boolean {
  let at = all.get(pid);
  while (at && at.pid !== above) at = all.get(at.parent);
  return at !== undefined;
}

function zombiesBelow(pid: number): number {
  const all = allProcesses();
  return [...all.values()].filter((one) => one.isZombie && isBelow(one.pid, pid, all)).length;
}

test("what a script leaves behind is reaped while it runs", async () => {
  await serving(async (server) => {
    // Orphans by the hundred, among them some in sessions of their own.
    const script = `for n in $(seq 150); do ( true & ); ( setsid sh -c 'exit 3' & ); done
      echo all; while :; do sleep 1; done`;
    const frame = await spawn(server, "generator", "forks", script, SH);
    const ts = `export default { topics: ["go"], run() {
      Bun.spawnSync(["sh", "-c", "for n in $(seq 50); do ( true & ); done"]);
      return { out: { forked: true } };
    } }`;
    await spawn(server, "handler", "ts", ts);
    await say(server, "go");
    await countOf(server, "ts.out", 1);
    await countOf(server, "forks.recv", 1);
    await until("no zombie", () => zombiesBelow(server.pid) === 0);
    expect(await events(server, frame)).toEqual(["active"]);
    await terminate(server, "generator", "forks");
    await answered(server, frame, "terminated");
  });
});

test("reaping takes nothing from the program itself: its exit code is told", async () => {
  await serving(async (server) => {
    const script = "for n in $(seq 50); do ( true & ); done; exit 7";
    const frame = await spawn(server, "generator", "ends", script, ONCE);
    expect((await answered(server, frame, "failed")).meta.exit).toBe(7);
  });
});

const canUnshare =
  process.platform === "linux" &&
  Bun.which("unshare") !== null &&
  Bun.spawnSync(["unshare", "--pid", "--fork", "--mount-proc", "true"]).exitCode === 0;

test.skipIf(!canUnshare)(
  "as the first process of a container the server reaps what is left to it",
  async () => {
    using home = tempDirectory();
    const under = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
    await using server = await startServer(join(home.path, "store"), { under });
    const forks = "for n in $(seq 20); do ( true & ); done; echo up";
    const ends = await spawn(server, "generator", "ends", forks, ONCE);
    await answered(server, ends, "finished");
    const frame = await spawn(server, "generator", "killed", `${forks}; sleep 600 & wait`, SH);
    await countOf(server, "killed.recv", 1);
    const [guard = 0] = processesWith("__guard").filter((pid) => isBelow(pid, server.pid));
    process.kill(guard, "SIGKILL");
    await answered(server, frame, "restarting");
    await until("no zombie", () => zombiesBelow(server.pid) === 0);
    await answered(server, frame, "active", 2);
  },
);

test("standard streams are pipes: /dev/stdout, /dev/stderr and /dev/stdin open", async () => {
  await serving(async (server) => {
    const script = `echo out > /dev/stdout; echo err > /dev/stderr; echo both | tee /dev/stderr
      for n in 0 1 2; do
        case $(readlink /proc/$$/fd/$n) in pipe:*) echo pipe;; *) echo other;; esac
      done
      cat /dev/stdin`;
    const frame = await spawn(server, "duplex", "dev", script, SH);
    await say(server, "dev.send", null, "in\n");
    await countOf(server, "dev.recv", 6);
    expect(await textsOf(server, "dev.recv")).toEqual([
      "out",
      "both",
      "pipe",
      "pipe",
      "pipe",
      "in",
    ]);
    await until("stderr", async () => (await textsOf(server, "dev.stderr")).length === 2);
    expect(await textsOf(server, "dev.stderr")).toEqual(["err", "both"]);
    expect(await events(server, frame)).toEqual(["active"]);
    // Handlers have the same streams.
    const handler = `#!/bin/sh
echo '{"ready":{"topics":["ping"]}}' > /dev/stdout
while read -r frame; do
  id=$(expr "$frame" : '.*"id":"\\([0-9a-z]*\\)"')
  echo "saw $id" > /dev/stderr
  echo "{\\"out\\":\\"pong\\",\\"done\\":\\"$id\\"}" | tee /dev/null > /dev/stdout
done < /dev/stdin
`;
    await spawn(server, "handler", "sh", handler);
    const ping = await say(server, "ping");
    await countOf(server, "sh.out", 1);
    await countOf(server, "sh.stderr", 1);
    expect(await textsOf(server, "sh.stderr")).toEqual([`saw ${ping.id}`]);
  });
});

test("processors that come and go leave no descriptor behind in the server", async () => {
  await serving(async (server) => {
    const { pid } = server;
    // Not connections: those of this test come and go as well.
    const open = () =>
      readdirSync(`/proc/${pid}/fd`).filter((fd) => {
        try {
          return /^pipe:|pidfd/.test(readlinkSync(`/proc/${pid}/fd/${fd}`));
        } catch {
          return false;
        }
      }).length;
    const kinds: (() => Promise<unknown>)[] = [
      async () =>
        answered(server, await spawn(server, "generator", "once", "echo a", ONCE), "finished"),
      async () => answered(server, await ask(server, "generator", "bad", "if then", SH), "invalid"),
      async () =>
        answered(server, await ask(server, "handler", "no", "#!/bin/sh\necho x\n"), "invalid"),
      async () => {
        const wrong = `#!/bin/sh\necho '{"ready":{"topics":["x"]}}'; echo no; exec sleep 600\n`;
        await answered(server, await ask(server, "handler", "wrong", wrong), "failed");
      },
      async () => {
        const frame = await spawn(server, "handler", "ts", "export default () => {}");
        await terminate(server, "handler", "ts");
        await answered(server, frame, "terminated");
      },
      async () => {
        const frame = await spawn(server, "duplex", "cat", "cat", SH);
        await say(server, "cat.send", null, "x\n");
        await terminate(server, "generator", "cat");
        await answered(server, frame, "terminated");
      },
    ];
    const round = () => Promise.all(kinds.map((kind) => kind()));
    await round();
    await round();
    await expectAlive(server);
    const before = open();
    for (let n = 0; n < 6; n++) await round();
    await expectAlive(server);
    await until("as many as before", () => open() <= before);
  });
});

test("a script has the environment of the server, without the token, and PATH ends with xs's folder", async () => {
  using home = tempDirectory();
  const bin = join(home.path, "bin");
  mkdirSync(bin);
  const xs = join(bin, "xs");
  copyFileSync(XS, xs);
  // A program beside xs is not taken for the one that the PATH of the server names.
  await Bun.write(join(bin, "expr"), "#!/bin/sh\necho not this one\n");
  chmodSync(join(bin, "expr"), 0o755);
  const env = { ...WITH_NU, XS_TOKEN: "secret-token", SECRET: "visible", PATH: "/usr/bin:/bin" };
  await using server = await startServer(join(home.path, "store"), { env, xs });
  const script = `env; expr 1 + 1; command -v xs; "$XS" version; "$XS" last note >/dev/null && echo found`;
  await say(server, "note");
  const lines = await printed(server, "env", script);
  expect(lines).toContain("SECRET=visible");
  expect(lines.join("\n")).not.toContain("secret-token");
  expect(lines.filter((line) => line.startsWith("NODE_CHANNEL"))).toEqual([]);
  expect(lines).toContain(`PATH=/usr/bin:/bin:${bin}`);
  expect(lines.slice(-4)).toEqual(["2", xs, expect.stringMatching(/^xs \d|^\d/), "found"]);
  // In the other runtimes it is the same.
  const ts = "export default async function* () { yield Object.keys(process.env).join() }";
  const nu = "^env | lines | each {|line| $line | split row '=' | first } | str join ','";
  for (const [name, own] of [
    ["ts", ts],
    ["nu", nu],
  ] as const) {
    const frame = await spawn(server, "generator", name, own, { restart: "never" });
    await answered(server, frame, "finished");
    const names = (await textsOf(server, `${name}.recv`)).join("");
    expect(names.split(",")).toContain("XS");
    expect(names.split(",")).toContain("SECRET");
    expect(names.split(",")).not.toContain("XS_TOKEN");
  }
});

test("--script-env narrows the environment of scripts to a list", async () => {
  using home = tempDirectory();
  const env = { ...WITH_NU, XS_TOKEN: "t", SECRET: "s", WANTED: "w", LANG: "C.UTF-8" };
  const args = ["--script-env", "WANTED,LANG,NOT_SET"];
  await using server = await startServer(join(home.path, "store"), { env, args });
  const names = (await printed(server, "env", "env | sed 's/=.*//' | sort")).filter(
    (name) => !["_", "PWD", "OLDPWD", "SHLVL"].includes(name),
  );
  expect(names).toEqual([
    "LANG",
    "PATH",
    "WANTED",
    "XS",
    "XS_ADDR",
    "XS_NAME",
    "XS_SCRIPTS",
    "XS_SPAWN_ID",
  ]);
  await expectAlive(server);
});

test("always the binary that serves runs the scripts, also when another has its place", async () => {
  using home = tempDirectory();
  const xs = join(home.path, "xs");
  copyFileSync(XS, xs);
  const directory = join(home.path, "store");
  {
    await using server = await startServer(directory, { env: WITH_NU, xs });
    const version = await printed(server, "version", '"$XS" version');
    const works = async (name: string) => {
      expect(await printed(server, `${name}.sh`, '"$XS" version')).toEqual(version);
      const ts = `export default { topics: ["${name}"], run: () => ({ out: { at: 1 } }) }`;
      await spawn(server, "handler", `${name}.ts`, ts);
      await spawn(
        server,
        "handler",
        `${name}.nu`,
        `{topics: ["${name}"], run: {|frame| .last note | get topic }}`,
      );
      await say(server, "note");
      await say(server, name);
      await countOf(server, `${name}.ts.out`, 1);
    };
    const running = "export default { topics: ['die'], run() { process.exit(1) } }";
    const frame = await spawn(server, "handler", "running", running);
    // What is a program, but no xs.
    const newer = join(home.path, "newer");
    await Bun.write(newer, "#!/bin/sh\necho newer\n");
    chmodSync(newer, 0o755);
    renameSync(newer, xs);
    await works("moved");
    rmSync(xs);
    await works("removed");
    // What ran before starts again as well.
    await say(server, "die");
    await answered(server, frame, "active", 2);
    expect((await statuses(server)).every(({ state }) => state !== "loading")).toBe(true);
    expect(
      await framesOf(server, "stream.cross.generator.invalid,stream.cross.handler.invalid"),
    ).toEqual([]);
    expect(await server.stop("SIGTERM")).toBe(0);
  }
  await expectSound(directory);
});

test("a program that a script in TypeScript starts takes no line of the protocol and writes none", async () => {
  await serving(async (server) => {
    const inherits = `const { execSync } = require("node:child_process");
      const stdio = ["inherit", "inherit", "inherit"];`;
    const frame = await spawn(
      server,
      "handler",
      "shells",
      `${inherits}
      export default { topics: ["go"], async run(frame) {
        const read = await Bun.$\`cat\`.text();
        await Bun.$\`echo shown\`;
        execSync("cat; cat /dev/stdin; echo inherited; echo opened > /dev/stdout", { stdio });
        return { out: { read, stdin: await Bun.stdin.text() } };
      } }`,
    );
    await say(server, "go");
    await say(server, "go");
    const outs = await countOf(server, "shells.out", 2);
    for (const { meta } of outs) expect(meta).toMatchObject({ read: "", stdin: "" });
    await countOf(server, "shells.stderr", 6);
    const printed = ["shown", "inherited", "opened"];
    expect(await textsOf(server, "shells.stderr")).toEqual([...printed, ...printed]);
    expect(await events(server, frame)).toEqual(["active"]);

    const source = `${inherits}
      export default async function* (xs, lines) {
        execSync("cat; echo aside", { stdio });
        yield "begun";
        for await (const line of lines) yield line;
      }`;
    await spawn(server, "duplex", "feeds", source);
    await say(server, "feeds.send", null, "one\n");
    await countOf(server, "feeds.recv", 2);
    expect(await textsOf(server, "feeds.recv")).toEqual(["begun", "one"]);
    expect(await textsOf(server, "feeds.stderr")).toEqual(["aside"]);
  });
});

test("a program that a handler in nushell starts takes no frame of the handler", async () => {
  await serving(async (server) => {
    const source = `{
      topics: ["go"], initial: 0,
      run: {|frame, state|
        let read = (^sh -c "cat; cat /dev/stdin")
        { out: { read: $read, state: $state }, next: ($state + 1) }
      }
    }`;
    const frame = await spawn(server, "handler", "hungry", source);
    await sayMany(server, "go", 3);
    const metas = (await countOf(server, "hungry.out", 3)).map(({ meta }) => meta);
    expect(metas.map(({ read, state }) => [read, state])).toEqual([
      ["", 0],
      ["", 1],
      ["", 2],
    ]);
    expect(await events(server, frame)).toEqual(["active"]);
  });
});
