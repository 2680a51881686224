import { until } from "../support/wait.ts";

/** Makes system calls of a running process fail, until it is given up. */
export class Injection implements AsyncDisposable {
  readonly #strace: Bun.Subprocess<"ignore", "ignore", "pipe">;
  #said = "";

  private constructor(pid: number, options: readonly string[]) {
    this.#strace = Bun.spawn(["strace", "-f", "-o", "/dev/null", "-p", String(pid), ...options], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    void this.#listen();
  }

  /**
   * @param calls as strace names them, after a comma each
   * @param error such as `EIO`
   * @param path only calls that name this file, or a descriptor of it
   */
  static async start(
    pid: number,
    calls: string,
    error: string,
    path?: readonly string[],
  ): Promise<Injection> {
    const only = (path ?? []).flatMap((name) => ["-P", name]);
    const injection = new Injection(pid, [
      ...only,
      "-e",
      `trace=${calls}`,
      "-e",
      `inject=${calls}:error=${error}`,
    ]);
    await until("strace is attached", () => injection.#said.includes("attached"));
    return injection;
  }

  async #listen(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#strace.stderr) {
      this.#said += decoder.decode(bytes, { stream: true });
    }
  }

  /** Ends the faults; the process goes on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#strace.kill("SIGINT");
    await this.#strace.exited;
  }
}
