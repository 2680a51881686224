import { writeOut } from "../kit/output.ts";
import {
  CODES,
  errorLine,
  type Id,
  type Message,
  notificationLine,
  ProtocolError,
  readMessage,
  resultLine,
} from "./json-rpc.ts";
import { messageLines, TOO_LONG } from "./message-lines.ts";
import type { Context, Protocol } from "./protocol.ts";

/** What the connection does not know of the work of a request. */
type Surroundings = Omit<Context, "signal" | "ending" | "notify">;

/** The longest line from the client, in bytes: a value of the key/value store fits, however it is escaped. */
const MAX_LINE = 8 * 1024 * 1024;
/** So many requests may be under way. */
const MAX_REQUESTS = 64;
/** So many characters may wait for a client that does not read, before it is read no more. */
const MAX_WAITING = 1024 * 1024;

/** So long a signal leaves to what is under way, in ms. */
const STOP_MS = 1000;

/** A request that is not answered yet. */
interface UnderWay {
  readonly cancel: AbortController;
  readonly done: Promise<void>;
}

/** The conversation with one client, over stdin and stdout, one message a line. */
export class Connection {
  readonly #protocol: Protocol;
  readonly #context: Surroundings;
  readonly #ending = new AbortController();
  readonly #requests = new Map<string, UnderWay>();
  /** The lines so far: they are written one after the other. */
  #written: Promise<void> = Promise.resolve();
  #waiting = 0;
  readonly #broken = Promise.withResolvers<never>();

  constructor(protocol: Protocol, context: Surroundings) {
    this.#protocol = protocol;
    this.#context = context;
    // It may break when nobody waits any more.
    this.#broken.promise.catch(() => {});
  }

  /**
   * Answers messages until the input ends or `stopped` resolves. Then what waits answers that nothing came, and what
   * works is finished, unless a signal presses.
   *
   * @throws BrokenPipe if the client reads no more
   */
  async run(input: AsyncIterable<Uint8Array>, stopped: Promise<unknown>): Promise<void> {
    const broken = this.#broken.promise;
    await Promise.race([this.#read(input), stopped, broken]);
    this.#ending.abort();
    const rest = Promise.all([...this.#requests.values()].map(({ done }) => done));
    const pressed = stopped.then(() => Bun.sleep(STOP_MS));
    await Promise.race([rest.then(() => this.#written), pressed, broken]);
  }

  async #read(input: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const line of messageLines(input, MAX_LINE)) {
      try {
        if (line === TOO_LONG) {
          const problem = `the line is longer than ${MAX_LINE} bytes: send less`;
          throw new ProtocolError(CODES.invalidRequest, problem);
        }
        const message = readMessage(line);
        if (message?.id !== undefined) this.#start({ ...message, id: message.id });
        else if (message) this.#notified(message);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        this.#send(errorLine(error));
      }
      if (this.#waiting > MAX_WAITING) await this.#written;
    }
  }

  /** Begins to answer a request; others go on meanwhile. @throws ProtocolError */
  #start(message: Message & { readonly id: Id }): void {
    const { id } = message;
    const name = JSON.stringify(id);
    if (this.#requests.has(name)) {
      throw new ProtocolError(CODES.invalidRequest, `the request ${name} is still under way`, {
        id,
      });
    }
    if (this.#requests.size >= MAX_REQUESTS) {
      const problem = `${MAX_REQUESTS} requests are under way: wait for one of them`;
      throw new ProtocolError(CODES.internal, problem, { id });
    }
    const cancel = new AbortController();
    const done = this.#answer(message, cancel.signal).finally(() => this.#requests.delete(name));
    this.#requests.set(name, { cancel, done });
  }

  async #answer(message: Message & { readonly id: Id }, signal: AbortSignal): Promise<void> {
    const { id } = message;
    const notify = (method: string, params: object) => {
      if (!signal.aborted) this.#send(notificationLine(method, params));
    };
    try {
      const ending = this.#ending.signal;
      const context = { ...this.#context, signal, ending, notify };
      const result = await this.#protocol.answer(message, context);
      // Nobody waits for the answer to what was cancelled.
      if (!signal.aborted) this.#send(resultLine(id, result));
    } catch (error) {
      if (signal.aborted) return;
      const { message: problem } = error as Error;
      const { code, data } =
        error instanceof ProtocolError ? error : { code: CODES.internal, data: undefined };
      const said =
        error instanceof ProtocolError ? problem : `this should not have happened: ${problem}`;
      this.#send(errorLine(new ProtocolError(code, said, { id, data })));
    }
  }

  #notified({ method, params }: Message): void {
    if (method !== "notifications/cancelled") return;
    this.#requests.get(JSON.stringify(params.requestId))?.cancel.abort();
  }

  #send(line: string): void {
    this.#waiting += line.length;
    const write = async () => {
      await writeOut(line);
      this.#waiting -= line.length;
    };
    this.#written = this.#written.then(write).catch((error) => this.#broken.reject(error));
  }
}
