// The commands of docs/nodes.md, as they stand there, on addresses of loopback that nobody else uses.
import { expect, setDefaultTimeout } from "bun:test";
import { readFileSync, symlinkSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { JournalStatus, NodeStatus } from "../../src/core/node-status.ts";
import { Home } from "../cli/run-xs.ts";
import { NATS_SERVER } from "../support/nats.ts";
import { natsTest } from "../support/nats-test.ts";
import { plainEnv, XS } from "../support/server.ts";
import { LineReader, TEST_MS, until, within } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const GUIDE = readFileSync(join(import.meta.dir, "../../docs/nodes.md"), "utf8");
/** The blocks that a shell runs, in their order. */
const BLOCKS = [...GUIDE.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block = ""]) => block);

/** One shell in which all blocks run, as a person would type them. What it started ends with it. */
class Shell implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  readonly #lines: LineReader;
  readonly #stderr: Promise<string>;

  constructor(home: Home) {
    const env = { ...plainEnv(home.path), PATH: `${home.path}${delimiter}${process.env.PATH}` };
    this.#child = Bun.spawn(["bash"], {
      cwd: home.path,
      env,
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#lines = new LineReader(this.#child.stdout);
    this.#stderr = new Response(this.#child.stderr).text();
  }

  /** Runs lines. Returns what they print, and what the last one exits with. */
  async run(lines: string): Promise<{ stdout: string; code: number }> {
    const mark = crypto.randomUUID();
    this.#child.stdin.write(`${lines}\necho "${mark} $?"\n`);
    this.#child.stdin.flush();
    const printed = await this.#lines.through((line) => line.startsWith(mark));
    const last = printed.pop() ?? "";
    return { stdout: printed.join("\n"), code: Number(last.slice(mark.length)) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.write("kill -9 $(jobs -p)\nexit\n");
    this.#child.stdin.end();
    await within("the end of the shell", this.#child.exited);
    await this.#stderr;
  }
}

function rowsIn(stdout: string): [NodeStatus[], JournalStatus] {
  const rows = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as NodeStatus | JournalStatus);
  const journal = rows.pop() as JournalStatus;
  return [rows as NodeStatus[], journal];
}

natsTest(
  "one to three nodes in ten minutes: before, while and after the leader is killed",
  async () => {
    using home = new Home();
    symlinkSync(XS, join(home.path, "xs"));
    symlinkSync(NATS_SERVER, join(home.path, "nats-server"));
    const [one = 0, two = 0] = crypto.getRandomValues(new Uint8Array(2));
    const net = `127.${1 + (one % 250)}.${two}.`;
    const [config, check, first, others, write, kill, again, look] = BLOCKS.map((block) =>
      block.replaceAll("127.0.0.", net),
    ) as [string, string, string, string, string, string, string, string];
    expect(BLOCKS).toHaveLength(8);
    await using shell = new Shell(home);
    const answers = (store: string) =>
      until(
        `${store} answers`,
        async () => (await home.xs(["info", join(home.path, store)])).code === 0,
      );
    const nodesOf = async (store: string) =>
      rowsIn(await home.ok(["nodes", join(home.path, store)]));

    expect((await shell.run(config)).code).toBe(0);
    await until("the journal is right", async () => (await shell.run(check)).code === 0);
    await shell.run(first);
    await answers("a");
    await shell.run(others);
    await answers("b");
    await answers("c");
    await until("each knows all", async () => {
      for (const store of ["a", "b", "c"]) {
        const [nodes] = await nodesOf(store);
        if (nodes.length < 3 || nodes.some(({ role }) => role === "away")) return false;
      }
      return true;
    });
    const before = await shell.run(write);
    expect(before.stdout).toContain('"topic":"note"');
    const [nodes, journal] = rowsIn(before.stdout.slice(before.stdout.indexOf('{"kind"')));
    expect(nodes.map(({ name, role }) => [name, role])).toEqual([
      ["a", "leader"],
      ["b", "follower"],
      ["c", "follower"],
    ]);
    expect(journal).toMatchObject({ name: "notes", replicas: 3, leader: "a", reachable: true });

    const during = await shell.run(kill);
    const [left, after] = rowsIn(during.stdout.slice(during.stdout.indexOf('{"kind"')));
    expect(left[0]).toMatchObject({ name: "a", role: "away", problem: "it does not answer" });
    expect(["b", "c"]).toContain(after.leader ?? "");

    await shell.run(again);
    await answers("a");
    await until("a has all again", async () => (await nodesOf("b"))[0][0]?.behind === 0);
    const last = await shell.run(look);
    expect(last.code).toBe(0);
    const notes = await home.ok(["cat", join(home.path, "a"), "-T", "note"]);
    expect(notes.trim().split("\n")).toHaveLength(3);
  },
);
