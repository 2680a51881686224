import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { plainEnv, XS } from "./server.ts";
import { tempDirectory } from "./temp.ts";
import { until, within } from "./wait.ts";

/** A place for programs of a test that stand in PATH before those of the system. */
export class Programs implements Disposable {
  readonly path: string;
  readonly #home = tempDirectory();

  constructor() {
    this.path = this.#home.path;
    mkdirSync(join(this.path, "bin"));
  }

  /** Adds a shell script. `$AT` in it is the folder of this object. */
  add(name: string, script: string): void {
    const path = join(this.path, "bin", name);
    writeFileSync(path, `#!/bin/sh\nAT='${this.path}'\n${script}\n`);
    chmodSync(path, 0o755);
  }

  /** PATH with these alone, or before those of the system. */
  env(alone = false): Record<string, string> {
    const own = join(this.path, "bin");
    const PATH = alone ? own : `${own}:${process.env.PATH}`;
    return { PATH, HOME: this.path };
  }

  /** What a script wrote into a file of this folder. */
  async wrote(name: string): Promise<string> {
    return until(`${name} of a program`, () => {
      try {
        return readFileSync(join(this.path, name), "utf8") || undefined;
      } catch {
        return undefined;
      }
    });
  }

  [Symbol.dispose](): void {
    this.#home[Symbol.dispose]();
  }
}

/** A running `xs ui` that opens a browser. */
export class OpeningInspector implements AsyncDisposable {
  readonly pid: number;
  readonly exited: Promise<number>;
  readonly #child: Bun.Subprocess<"ignore", "ignore", "pipe">;
  #stderr = "";
  readonly #read: Promise<void>;

  constructor(args: readonly string[], env: Record<string, string>) {
    this.#child = Bun.spawn([XS, "ui", ...args], {
      cwd: tmpdir(),
      env: { ...plainEnv(tmpdir()), ...env },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.pid = this.#child.pid;
    this.exited = this.#child.exited;
    this.#read = this.#readStderr();
  }

  /** What it wrote on stderr so far. */
  get stderr(): string {
    return this.#stderr;
  }

  says(text: string | RegExp): Promise<RegExpMatchArray> {
    return until(`xs ui to say ${text}`, () => {
      const found = this.#stderr.match(text) ?? undefined;
      if (!found && this.#child.exitCode !== null) throw new Error(`it ended: ${this.#stderr}`);
      return found;
    });
  }

  async stop(signal: NodeJS.Signals): Promise<number> {
    this.#child.kill(signal);
    const code = await within(`the end of xs ui after ${signal}`, this.#child.exited);
    await this.#read;
    return code;
  }

  async #readStderr(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#child.stderr) {
      this.#stderr += decoder.decode(bytes, { stream: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
  }
}
