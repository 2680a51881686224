import { plainEnv, XS } from "./server.ts";
import { until, within } from "./wait.ts";

/** How a test starts a program on a terminal. */
interface PtyOptions {
  readonly cwd: string;
  readonly columns?: number;
  readonly env?: Record<string, string>;
  /** Another command than xs. */
  readonly command?: readonly string[];
  /** Only so many characters of the output are kept, at least, where it is long. */
  readonly keeps?: number;
}

/** A program on a real pseudo terminal, killed at the end of the test if it still lives. */
export class Pty implements AsyncDisposable {
  readonly #child: Bun.Subprocess;
  readonly #decoder = new TextDecoder();
  /** All output has come. */
  readonly #drained = Promise.withResolvers<void>();
  #output = "";

  constructor(args: readonly string[], options: PtyOptions) {
    const { cwd, columns = 80, env = {}, command = [XS], keeps = Infinity } = options;
    this.#child = Bun.spawn([...command, ...args], {
      cwd,
      env: { ...plainEnv(cwd), TERM: "xterm-256color", TZ: "UTC", ...env },
      terminal: {
        cols: columns,
        rows: 24,
        data: (_, bytes) => {
          this.#output += this.#decoder.decode(bytes, { stream: true });
          if (this.#output.length > 2 * keeps) this.#output = this.#output.slice(-keeps);
        },
        exit: () => this.#drained.resolve(),
      },
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** All that the terminal got so far, with the line ends of a program: the terminal writes CR LF. */
  get output(): string {
    return this.#output.replaceAll("\r\n", "\n");
  }

  /** The same without escape sequences, as lines. */
  get lines(): string[] {
    return Bun.stripANSI(this.output).split("\n");
  }

  /** Waits until the terminal shows a text. */
  async shows(text: string | RegExp): Promise<void> {
    await until(`the terminal to show ${text} in ${JSON.stringify(this.output)}`, () =>
      typeof text === "string" ? this.output.includes(text) : text.test(this.output),
    );
  }

  /** Types on the keyboard: "\x03" is Ctrl-C. */
  type(text: string): void {
    this.#child.terminal?.write(text);
  }

  resize(columns: number): void {
    this.#child.terminal?.resize(columns, 24);
  }

  /** Waits for the end and all output, and returns the exit code, or the signal that ended the program. */
  async end(): Promise<number | NodeJS.Signals> {
    const all = Promise.all([this.#child.exited, this.#drained.promise]);
    const [code] = await within("the end of the program on the terminal", all);
    return this.#child.signalCode ?? code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    this.#child.terminal?.close();
  }
}
