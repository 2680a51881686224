/** How long anything may take before a test gives up on it, in ms. No promise, only a way out. */
export const DEADLINE_MS = 30_000;
const POLL_MS = 10;

/**
 * For `setDefaultTimeout`, in each file whose tests wait: a wait that fails must say what it waited
 * for, so the runner's own limit has to come later.
 */
export const TEST_MS = 4 * DEADLINE_MS;

/** Asks again and again until there is an answer that is neither undefined nor false. */
export async function until<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await Bun.sleep(POLL_MS);
  }
}

/** Waits until something is as it is to be, as long as it moves. */
export async function reaches<T>(what: string, wanted: T, probe: () => Promise<T>): Promise<void> {
  let now = await probe();
  while (!Bun.deepEquals(now, wanted)) {
    const before = now;
    now = await until(`${what}, from ${JSON.stringify(before)} on`, async () => {
      const found = await probe();
      return !Bun.deepEquals(found, before) && found;
    });
  }
}

/** A promise that is given up when it takes too long. */
export async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`waited in vain: ${what}`)), DEADLINE_MS);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Takes the lines of a stream as they come, each within the deadline. */
export class LineReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #lines: string[] = [];
  #rest = "";

  constructor(stream: ReadableStream<Uint8Array> | null) {
    if (!stream) throw new Error("there is no body to read");
    this.#reader = stream.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  }

  /** The next line, or undefined at the end. */
  async next(): Promise<string | undefined> {
    while (this.#lines.length === 0) {
      const { value, done } = await within("the next line", this.#reader.read());
      if (done) return undefined;
      const lines = (this.#rest + this.#decoder.decode(value, { stream: true })).split("\n");
      this.#rest = lines.pop() ?? "";
      this.#lines = lines;
    }
    return this.#lines.shift();
  }

  async take(count: number): Promise<string[]> {
    const lines: string[] = [];
    while (lines.length < count) {
      const line = await this.next();
      if (line === undefined) throw new Error(`the stream ended after ${lines.length} lines`);
      lines.push(line);
    }
    return lines;
  }

  /** The lines up to and with the first that fits. */
  async through(fits: (line: string) => boolean): Promise<string[]> {
    const lines: string[] = [];
    for (;;) {
      const [line = ""] = await this.take(1);
      lines.push(line);
      if (fits(line)) return lines;
    }
  }

  /** All that is left. */
  async rest(): Promise<string[]> {
    const lines: string[] = [];
    for (let line = await this.next(); line !== undefined; line = await this.next()) {
      lines.push(line);
    }
    return lines;
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }
}
