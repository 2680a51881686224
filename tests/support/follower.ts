import { parseLines, plainEnv, XS } from "./server.ts";
import { until } from "./wait.ts";

/** A command that follows, whose whole output is kept; killed at the end of the test if it still lives. */
export class Follower implements AsyncDisposable {
  readonly exited: Promise<number>;
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #decoder = new TextDecoder();
  #stdout = "";
  #stderr = "";

  constructor(cwd: string, args: readonly string[], env: Record<string, string> = {}) {
    this.#child = Bun.spawn([XS, ...args], {
      cwd,
      env: { ...plainEnv(cwd), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ended = Promise.all([
      collect(this.#child.stdout, (bytes) => {
        this.#stdout += this.#decoder.decode(bytes, { stream: true });
      }),
      collect(this.#child.stderr, (bytes) => {
        this.#stderr += new TextDecoder().decode(bytes);
      }),
    ]);
    this.exited = ended.then(() => this.#child.exited);
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** The lines so far, parsed; the last one may still be on its way. */
  get lines(): { topic?: string; id: string; key?: string; rev?: string; meta?: unknown }[] {
    return parseLines(this.#stdout.slice(0, this.#stdout.lastIndexOf("\n") + 1));
  }

  /** Waits until the output has a text. */
  has(text: string, times = 1): Promise<unknown> {
    return until(
      `${text} in ${this.#stdout.slice(-2000)}`,
      () => this.#stdout.split(text).length > times,
    );
  }

  /** Waits until stderr has a text. */
  says(text: string, times = 1): Promise<unknown> {
    return until(`${text} on stderr`, () => this.#stderr.split(text).length > times);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
  }
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  take: (bytes: Uint8Array) => void,
): Promise<void> {
  for await (const bytes of stream) take(bytes);
}
