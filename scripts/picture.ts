// Makes the picture of the README: a real terminal on which a handler counts visitors, while its server is killed
// twice. It fails unless each visitor was counted once.
//
//   npm run build && sh scripts/bun scripts/picture.ts [FILE]
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { terminalSvg } from "./terminal-svg.ts";

const XS = join(import.meta.dir, "../dist/xs");
const FILE = process.argv[2] ?? join(import.meta.dir, "../docs/kill-9.svg");

const VISITORS = 200;
/** The server is killed when this many visitors have come. */
const KILLS_AT = [50, 120];
const COLUMNS = 80;
/** After that the picture has failed, in ms. */
const DEADLINE_MS = 60_000;
const PROMPT = "\x1b[32m$\x1b[0m \x1b[1m";

const HANDLER = `export default {
  topics: ["visitor"],
  initial: 0,
  run: (frame, n) => ({ out: { count: n + 1 }, next: n + 1 }),
};
`;
/** A visitor that was not acknowledged comes again, under the same key. */
const VISIT = `for i in {1..${VISITORS}}; do
  until xs append visitor "no. $i" --idempotency-key $i; do sleep 0.1; done
done
`;

/** An interactive shell on a terminal. */
class Shell implements AsyncDisposable {
  readonly #child: Bun.Subprocess;
  readonly #decoder = new TextDecoder();
  output = "";

  constructor(home: string) {
    const env = {
      HOME: home,
      PATH: `${join(home, "bin")}:/usr/local/bin:/usr/bin:/bin`,
      TERM: "xterm-256color",
      LANG: "C.UTF-8",
      PS1: PROMPT,
      // Ends the weight of what is typed.
      PS0: "\x1b[0m",
    };
    this.#child = Bun.spawn(["bash", "--norc", "--noprofile", "--noediting", "-i"], {
      cwd: home,
      env,
      terminal: {
        cols: COLUMNS,
        rows: 24,
        data: (_, bytes) => {
          this.output += this.#decoder.decode(bytes, { stream: true });
        },
      },
    });
  }

  /** Waits until the shell asks for the next command. @param from the output before it counts for nothing */
  prompt(from = 0): Promise<unknown> {
    return until("the prompt", () => this.output.slice(from).endsWith(PROMPT));
  }

  /** Types a command, and waits until it has ended. */
  async run(command: string): Promise<void> {
    const from = this.output.length;
    this.#child.terminal?.write(`${command}\n`);
    await this.prompt(from);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A hangup ends its jobs too.
    this.#child.terminal?.close();
    this.#child.kill("SIGHUP");
    await this.#child.exited;
  }
}

const home = mkdtempSync(join(tmpdir(), "xs-picture-"));
try {
  writeFileSync(FILE, await picture());
  console.log(`${FILE}: ${VISITORS} in, ${VISITORS} out`);
} finally {
  rmSync(home, { recursive: true, force: true });
}

async function picture(): Promise<string> {
  mkdirSync(join(home, "bin"));
  symlinkSync(XS, join(home, "bin/xs"));
  writeFileSync(join(home, "count.ts"), HANDLER);
  writeFileSync(join(home, "visit.sh"), VISIT);
  await using shell = new Shell(home);
  await shell.prompt();
  await shell.run("cat count.ts");
  await shell.run("cat visit.sh");
  await shell.run("xs serve ./store 2>log &");
  await until("the server", () => framesOf("stream.cross.start").length === 1);
  await shell.run("xs append stream.cross.handler.spawn -F topic=count <count.ts >log");
  await shell.run("bash visit.sh >>log 2>&1 &");
  let server = "%1";
  for (const [at, visitors] of KILLS_AT.entries()) {
    await until(`${visitors} visitors`, () => framesOf("visitor").length >= visitors);
    await shell.run(`kill -9 ${server}; xs serve ./store 2>>log &`);
    // Visitors come without a server too, so the next kill might come before this start.
    await until("the next server", () => framesOf("stream.cross.start").length === at + 2);
    server = "$!";
  }
  await until("all visitors", () => framesOf("count.out").length >= VISITORS);
  check();
  await shell.run('echo "$(xs cat -T visitor | wc -l) in, $(xs cat -T count.out | wc -l) out"');
  await shell.run("xs last visitor; xs last count.out");
  const output = shell.output.slice(0, -PROMPT.length);
  // Nothing may write into the folder any more.
  await shell.run("kill $!; wait");
  const isShown = Bun.stripANSI(output).includes(`\n${VISITORS} in, ${VISITORS} out\r\n`);
  if (!isShown) throw new Error(`the terminal shows another result:\n${output}`);
  const title = `A handler counts ${VISITORS} visitors while its server is killed twice: ${VISITORS} in, ${VISITORS} out`;
  return terminalSvg(output, COLUMNS, title);
}

/** Checks that both kills happened, and that each visitor came once and was counted once, in order. */
function check(): void {
  const starts = framesOf("stream.cross.start").length;
  const stops = framesOf("stream.cross.stop").length;
  const counts = framesOf("count.out").map(({ meta }) => meta.count);
  const seen = new Set(framesOf("count.out").map(({ meta }) => meta.frame_id));
  const came = framesOf("visitor").map(({ id }) => id);
  const isRight =
    starts === 1 + KILLS_AT.length &&
    stops === 0 &&
    came.length === VISITORS &&
    came.every((id) => seen.has(id)) &&
    counts.length === VISITORS &&
    counts.every((count, at) => count === at + 1);
  if (!isRight) throw new Error(JSON.stringify({ starts, stops, came: came.length, counts }));
}

/** The frames of a topic, read as any user reads them. */
function framesOf(topic: string): { id: string; meta: { count: number; frame_id: string } }[] {
  const { stdout, success } = Bun.spawnSync([XS, "cat", "./store", "--topic", topic], {
    cwd: home,
    env: { HOME: home },
  });
  // A server that has just been killed, or starts, may refuse.
  if (!success) return [];
  return stdout
    .toString()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

async function until(what: string, probe: () => boolean): Promise<void> {
  const end = Date.now() + DEADLINE_MS;
  while (!probe()) {
    if (Date.now() > end) {
      const log = readFileSync(join(home, "log"), "utf8");
      throw new Error(`waited in vain for ${what}; the log ends:\n${log.slice(-1000)}`);
    }
    await Bun.sleep(20);
  }
}
