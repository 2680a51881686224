import { tmpdir } from "node:os";
import { plainEnv, XS } from "./server.ts";
import { until, within } from "./wait.ts";

/** An xs that goes on, with what it says on stderr. */
export class TalkingXs implements AsyncDisposable {
  readonly pid: number;
  readonly exited: Promise<number>;
  readonly #child: Bun.Subprocess<"ignore", "ignore", "pipe">;
  #stderr = "";
  readonly #read: Promise<void>;

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    this.#child = Bun.spawn([XS, ...args], {
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
    return until(`xs to say ${text}`, () => {
      const found = this.#stderr.match(text) ?? undefined;
      if (!found && this.#child.exitCode !== null) throw new Error(`it ended: ${this.#stderr}`);
      return found;
    });
  }

  async stop(signal: NodeJS.Signals): Promise<number> {
    this.#child.kill(signal);
    const code = await within(`the end of xs after ${signal}`, this.#child.exited);
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
