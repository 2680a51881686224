// No process, thread or descriptor for a program: it waits, and nothing ends or fails for it.
import { expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  type AnyFrame,
  answered,
  ask,
  countOf,
  events,
  framesOf,
  say,
  statuses,
  terminate,
} from "../support/processors.ts";
import { NU, type Server, startServer, XS } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

// A program that ran, and whose guard finds no thread later, runs again as after any other end.
const OVER = ["invalid", "failed", "finished"].flatMap((what) => [
  `stream.cross.generator.${what}`,
  `stream.cross.handler.${what}`,
]);

async function expectNothingEnded(server: Server): Promise<void> {
  expect(await framesOf(server, OVER.join())).toEqual([]);
}

/** How many processors run a program at this moment. */
async function running(server: Server): Promise<number> {
  return (await statuses(server)).filter(({ pid }) => pid !== null).length;
}

test.skipIf(process.platform !== "linux")(
  "more programs than there are descriptors for wait until others end; the socket answers meanwhile",
  async () => {
    using home = tempDirectory();
    const log = join(home.path, "log");
    const under = ["sh", "-c", `ulimit -n 128; exec "$@" 2>${log}`, "sh"];
    await using server = await startServer(join(home.path, "store"), { under });
    const spawns: AnyFrame[] = [];
    for (let n = 0; n < 6; n++) {
      const sh = { runtime: "sh", restart: "never" };
      spawns.push(await ask(server, "generator", `sh${n}`, "echo up; sleep 600", sh));
      const script = 'export default { topics: ["ping"], run: () => ({ out: 1 }) }';
      spawns.push(await ask(server, "handler", `ts${n}`, script));
    }
    await until("some run and some wait", async () => {
      const told = await Bun.file(log).text();
      return told.includes("waits until it can be started") && (await running(server)) > 3;
    });
    await expectNothingEnded(server);
    expect(await running(server)).toBeLessThan(spawns.length);
    // Each that ends makes room for another.
    for (let ended = 0; ended < spawns.length; ) {
      const active = await until("one that runs", async () => {
        for (const frame of spawns) {
          const said = await events(server, frame);
          if (said.includes("active") && !said.includes("terminated")) return frame;
        }
        return false;
      });
      const kind = active.topic.includes("handler") ? "handler" : "generator";
      await terminate(server, kind, active.meta.topic);
      await answered(server, active, "terminated");
      ended++;
    }
    await expectNothingEnded(server);
    expect(await server.stop("SIGTERM")).toBe(0);
  },
);

const USER = 12_346;
const missing =
  process.platform !== "linux"
    ? "for Linux"
    : process.getuid?.() !== 0 || Bun.which("setpriv") === null || Bun.which("prlimit") === null;

test.skipIf(missing !== false)(
  "where no process can be started, processors wait, and run when it can be",
  async () => {
    using home = tempDirectory();
    chmodSync(home.path, 0o755);
    const xs = join(home.path, "xs");
    copyFileSync(XS, xs);
    const nu = join(home.path, "nu");
    copyFileSync(NU, nu);
    const owned = join(home.path, "own");
    mkdirSync(owned);
    const as = ["setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"];
    const log = join(home.path, "log");
    const under = ["sh", "-c", `exec "$@" 2>${log}`, "sh", ...as];
    Bun.spawnSync(["chown", `${USER}:${USER}`, owned]);
    // Bun starts threads for these when it likes, and aborts where it cannot: the server is not what
    // is tried here.
    const calm = { BUN_JSC_useConcurrentGC: "0", BUN_JSC_useConcurrentJIT: "0" };
    const env = { HOME: owned, TMPDIR: owned, XS_NU: nu, ...calm };
    await using server = await startServer(join(owned, "store"), { under, xs, env });
    // As that user, who may change the limits of his own processes.
    const limit = (most: string) => {
      const command = [...as, "prlimit", `--pid=${server.pid}`, `--nproc=${most}:`];
      expect(Bun.spawnSync(command).exitCode).toBe(0);
    };
    const { stdout } = Bun.spawnSync([...as, "prlimit", "--nproc", "--noheadings", "-o", "SOFT"]);
    const usual = stdout.toString().trim();
    const before = await ask(
      server,
      "handler",
      "dies",
      "export default { topics: ['die'], run() { process.exit(1) } }",
    );
    await answered(server, before, "active");
    // From the first lack to one that only threads of a program meet.
    for (const [round, spare] of [0, 1, 3, 5].entries()) {
      const tasks = Number(
        Bun.spawnSync(["sh", "-c", `ps -L -u ${USER} --no-headers | wc -l`]).stdout.toString(),
      );
      limit(String(tasks + spare));
      const spawns = [
        await ask(server, "generator", `sh${round}`, "echo up; while read -r l; do echo $l; done", {
          runtime: "sh",
          duplex: true,
        }),
        await ask(
          server,
          "handler",
          `ts${round}`,
          "export default { topics: ['ping'], run: () => ({ out: 1 }) }",
        ),
        await ask(server, "handler", `nu${round}`, "{topics: ['ping'], run: {|frame| {out: 1}}}"),
        await ask(
          server,
          "generator",
          `gen${round}`,
          "export default async function* () { yield 1; await new Promise(() => setTimeout(() => {}, 1e6)) }",
        ),
      ];
      await say(server, `sh${round}.send`, null, "fed\n");
      await until("each runs or waits", async () => {
        const told = await Bun.file(log).text();
        for (const frame of spawns) {
          const waits = told.includes(`${frame.meta.topic} waits until it can be started`);
          if (!waits && !(await events(server, frame)).includes("active")) return false;
        }
        return true;
      });
      await expectNothingEnded(server);
      limit(usual);
      for (const frame of spawns) await answered(server, frame, "active");
      await countOf(server, `sh${round}.recv`, 2);
    }
    expect(await Bun.file(log).text()).toContain("waits until it can be started");
    expect(await server.stop("SIGTERM")).toBe(0);
  },
);
