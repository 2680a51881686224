import { join } from "node:path";
import { parseLines, plainEnv, XS } from "../support/server.ts";
import { sqliteEngine } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { LineReader, within } from "../support/wait.ts";

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
  /** Standard output, byte for byte. */
  bytes: Uint8Array;
}

interface RunOptions {
  stdin?: string | Uint8Array;
  env?: Record<string, string>;
  cwd?: string;
}

/** A user's home, with a current folder of its own, that is gone after the test. */
export class Home implements Disposable {
  readonly #directory = tempDirectory();
  readonly path = this.#directory.path;
  /** Where a store is, or will be; not `./store`, which a command would find by itself. */
  readonly store = join(this.path, "its-store");

  /** Runs xs to its end. */
  xs(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return this.run([XS, ...args], options);
  }

  /** Runs xs, which has to succeed, and gives its output. */
  async ok(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.xs(args, options);
    if (code !== 0) throw new Error(`xs ${args.join(" ")} ended with ${code}: ${stderr}`);
    return stdout;
  }

  /** Runs a command line of the shell, where `xs` is the binary under test. */
  shell(line: string, options: RunOptions = {}): Promise<Outcome> {
    return this.run(["bash", "-c", `xs() { "${XS}" "$@"; }; ${line}`], options);
  }

  /** Starts xs, for what does not end by itself, and reads its lines as they come. */
  start(args: readonly string[]): Started {
    return new Started(this.path, args);
  }

  async run(command: string[], { stdin = "", env = {}, cwd }: RunOptions): Promise<Outcome> {
    const child = Bun.spawn(command, {
      cwd: cwd ?? this.path,
      env: { ...plainEnv(this.path), ...env },
      stdin: Buffer.from(stdin),
      stdout: "pipe",
      stderr: "pipe",
    });
    try {
      const all = Promise.all([
        new Response(child.stdout).bytes(),
        new Response(child.stderr).text(),
        child.exited,
      ]);
      const [bytes, stderr, code] = await within(`the end of ${command.join(" ")}`, all);
      return { code, bytes, stdout: new TextDecoder().decode(bytes), stderr };
    } finally {
      child.kill("SIGKILL");
    }
  }

  /** Makes a store with nothing in it. */
  async makeStore(path: string = this.store): Promise<string> {
    await sqliteEngine(path).close();
    return path;
  }

  /** The topics of the log of a store, without those of the runtime. */
  async topics(address: string): Promise<string[]> {
    const frames = parseLines(await this.ok(["cat", address]));
    return frames.map(({ topic }) => topic).filter((topic) => !topic.startsWith("stream.cross."));
  }

  [Symbol.dispose](): void {
    this.#directory[Symbol.dispose]();
  }
}

/** A running xs, killed at the end of the test if it still lives. */
export class Started implements AsyncDisposable {
  readonly lines: LineReader;
  readonly exited: Promise<number>;
  readonly #child: Bun.Subprocess<"ignore", "pipe", "inherit">;

  constructor(cwd: string, args: readonly string[]) {
    this.#child = Bun.spawn([XS, ...args], {
      cwd,
      env: plainEnv(cwd),
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.lines = new LineReader(this.#child.stdout);
    this.exited = this.#child.exited;
  }

  get pid(): number {
    return this.#child.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
  }
}
