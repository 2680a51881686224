import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Address } from "../../client/address.ts";
import type { Client } from "../../client/client.ts";
import { mayPass } from "../../client/may-pass.ts";
import { shellWord, XsError } from "../../core/error.ts";
import { idInLine } from "../../core/frame.ts";
import { streamOf } from "../../lib/streams.ts";
import { chunksIn } from "../../net/text-body.ts";
import { isStore } from "../../store/is-store.ts";
import { isClosedToUs } from "../../store/owner.ts";
import { connect } from "./connect.ts";
import type { Following } from "./following.ts";
import { messages } from "./messages.ts";
import type { Resume } from "./resume.ts";
import { FrameResume } from "./resume-frames.ts";
import { WatchResume } from "./resume-watch.ts";

/** The waits between tries, in ms; the last one is repeated. */
const DELAYS_MS = [0, 100, 200, 400, 800, 1600, 3200, 5000];
/** A connection that lasted so long worked, even if nothing new came. */
const LASTING_MS = 1000;
/** So many times in a row the server hung up where it should have sent something. */
const MAX_SILENT = 8;

/** Prints what a read brings, over as many connections as it takes. @throws XsError a failure that will not pass */
export async function followAgain(following: Following): Promise<void> {
  const { address, path, headers = {}, print } = following;
  const place = new ServerPlace(address);
  const isWatch = /^\/kv\b/.test(path);
  const resume = isWatch ? new WatchResume(path) : new FrameResume(path, headers);
  const format = headers.accept === "text/event-stream" ? EVENTS : LINES;
  const body = streamOf(new Reconnecting(place, resume, format).run());
  await print(new Response(body), place);
}

/** How a stream holds lines of JSON. */
interface Format {
  /** Ends each record. */
  readonly end: string;
  lineOf(record: string): string;
  recordOf(line: string): string;
}

const LINES: Format = { end: "\n", lineOf: (record) => record, recordOf: (line) => `${line}\n` };

/** As `toEvents` of the API makes them. */
const EVENTS: Format = {
  end: "\n\n",
  lineOf: (record) => record.slice(record.indexOf("data: ") + "data: ".length),
  recordOf: (line) => `id: ${idInLine(line)}\ndata: ${line}\n\n`,
};

/** The place where a server is, was, or will be. As a client, it connects for each request. */
class ServerPlace implements Client {
  readonly #address: Address;
  /** The address was a socket once, so it is no store that is missing. */
  #wasSocket = false;
  /** There was a server: where its store is away now, it may come back. */
  #wasThere = false;

  constructor(address: Address) {
    this.#address = address;
  }

  async request(path: string, init?: RequestInit): Promise<Response> {
    return (await this.#reach()).request(path, init);
  }

  async serve(): Promise<string> {
    return (await this.#reach()).serve();
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #reach(): Promise<Client> {
    this.#wasSocket ||= this.#isSocket();
    try {
      const client = await connect(this.#address, { serverOnly: "following" });
      this.#wasThere = true;
      return client;
    } catch (error) {
      if (!(error instanceof XsError) || error.code !== "no_server") throw error;
      this.#checkStore();
      // The cause says that another try may succeed.
      throw new XsError("no_server", error.message, { cause: error });
    }
  }

  #isSocket(): boolean {
    if (!("directory" in this.#address)) return false;
    return statSync(this.#address.directory, { throwIfNoEntry: false })?.isSocket() ?? false;
  }

  /** @throws XsError `store_not_found` */
  #checkStore(): void {
    if (!("directory" in this.#address) || this.#wasSocket || this.#wasThere) return;
    const { directory } = this.#address;
    if (isStore(directory) || (existsSync(dirname(directory)) && isClosedToUs(directory))) return;
    throw new XsError(
      "store_not_found",
      `there is no store at ${directory}: name another, or make it with  xs serve ${shellWord(directory)}`,
    );
  }
}

/** A read over many connections. */
class Reconnecting {
  readonly #place: ServerPlace;
  readonly #resume: Resume;
  readonly #format: Format;
  readonly #ask: Client["request"];
  #tries = 0;
  #silent = 0;
  #wasConnected = false;
  #isWaiting = false;

  constructor(place: ServerPlace, resume: Resume, format: Format) {
    this.#place = place;
    this.#resume = resume;
    this.#format = format;
    this.#ask = (path, init) => this.#place.request(path, init);
  }

  /** Yields whole records, each once. @throws XsError a failure that will not pass */
  async *run(): AsyncGenerator<Uint8Array> {
    while (!this.#resume.isDone) {
      const began = performance.now();
      let printed = false;
      let failure: unknown;
      try {
        for await (const bytes of this.#connection()) {
          printed = true;
          yield bytes;
        }
        if (this.#resume.isDone || this.#resume.goesOn()) continue;
      } catch (error) {
        if (!mayPass(error)) throw error;
        failure = error;
      }
      this.#checkSilence(failure);
      if (printed || performance.now() - began > LASTING_MS) this.#tries = 0;
      await this.#wait(failure);
    }
  }

  /** Yields what one answer brings. */
  async *#connection(): AsyncGenerator<Uint8Array> {
    const response = await this.#resume.open(this.#ask);
    this.#connected();
    const { end, lineOf, recordOf } = this.#format;
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    let rest = "";
    for await (const chunk of chunksIn(response)) {
      this.#silent = 0;
      const records = (rest + decoder.decode(chunk, { stream: true })).split(end);
      // A record that the end of the server cut off comes again, in whole.
      rest = records.pop() ?? "";
      let printed: string[] = [];
      for (const record of records) {
        let taken = this.#resume.take(lineOf(record), this.#ask);
        if (!Array.isArray(taken)) {
          // It may fail, and the lines before it will not come again.
          if (printed.length > 0) yield Buffer.from(printed.join(""));
          printed = [];
          taken = await taken;
        }
        for (const line of taken) printed.push(recordOf(line));
        if (this.#resume.isDone) break;
      }
      if (printed.length > 0) yield Buffer.from(printed.join(""));
      if (this.#resume.isDone) return;
    }
  }

  #connected(): void {
    if (this.#isWaiting) {
      messages.info(this.#wasConnected ? "the server is back" : "a server is there");
    }
    this.#isWaiting = false;
    this.#wasConnected = true;
  }

  /** @throws XsError where the server is there and hangs up at the same place each time, as before a damaged frame */
  #checkSilence(failure: unknown): void {
    const { code } = ((failure as Error | undefined)?.cause ?? {}) as { code?: string };
    const hungUp = code === "ECONNRESET" || code === "EPIPE" || code === "ConnectionClosed";
    this.#silent = hungUp ? this.#silent + 1 : 0;
    if (this.#silent < MAX_SILENT) return;
    const { message } = failure as Error;
    throw new XsError(
      "no_server",
      `${message}; it hung up ${MAX_SILENT} times at the same place: look at its messages, and try  xs verify`,
      { cause: failure },
    );
  }

  async #wait(failure: unknown): Promise<void> {
    const ms = DELAYS_MS[Math.min(this.#tries++, DELAYS_MS.length - 1)] ?? 0;
    if (ms === 0) return;
    if (!this.#isWaiting) {
      this.#isWaiting = true;
      const { code, message } = (failure ?? {}) as { code?: string; message?: string };
      messages.warn(
        !this.#wasConnected || (code !== undefined && code !== "no_server")
          ? `${message}; this command waits, and tries again`
          : "the server stopped; this command waits until it is back",
      );
    }
    await Bun.sleep(ms);
  }
}
