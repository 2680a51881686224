import { XsError } from "../frame/error.ts";
import { textLines } from "../frame/lines.ts";
import { decodeValue } from "./content.ts";

/** Asks the API of a store. @throws XsError what the answer says, when it is not a success */
export type Ask = (path: string, init?: RequestInit) => Promise<Response>;

/** The reading half of what a script has of the store, over the API. */
export class Reads {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  get(id: string): Promise<XsFrame | undefined> {
    return this.#frame(`/${encodeURIComponent(id)}`);
  }

  last(topic?: string): Promise<XsFrame | undefined> {
    return this.#frame(topic === undefined ? "/last" : `/last/${encodeURIComponent(topic)}`);
  }

  first(topic?: string): Promise<XsFrame | undefined> {
    return this.#frame(topic === undefined ? "/first" : `/first/${encodeURIComponent(topic)}`);
  }

  async *cat(options: XsReadOptions = {}): AsyncIterableIterator<XsFrame> {
    const { lastId, topic, follow, pulse, ...rest } = options;
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(rest)) {
      if (value !== undefined) query.set(name, String(value));
    }
    if (lastId !== undefined) query.set("last-id", lastId);
    if (topic !== undefined) query.set("topic", [topic].flat().join(","));
    if (follow) query.set("follow", String(pulse ?? true));
    const response = await this.#ask(`/?${query}`);
    if (!response.body) return;
    for await (const lines of textLines(response.body)) {
      for (const line of lines) yield JSON.parse(line) as XsFrame;
    }
  }

  async cas(hash: string): Promise<Uint8Array> {
    return (await this.#ask(`/cas/${hash}`)).bytes();
  }

  async text(hash: string): Promise<string> {
    return (await this.#ask(`/cas/${hash}`)).text();
  }

  async value(key: string): Promise<unknown> {
    const response = await absent(this.#ask(`/kv/${encodeURIComponent(key)}`));
    if (!response) return undefined;
    return decodeValue(await response.bytes(), response.headers.get("content-type") ?? "");
  }

  async #frame(path: string): Promise<XsFrame | undefined> {
    const response = await absent(this.#ask(path));
    return response && ((await response.json()) as XsFrame);
  }
}

/** The answer, or undefined where it says that there is no such thing. */
async function absent(answer: Promise<Response>): Promise<Response | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof XsError && error.code === "not_found") return undefined;
    throw error;
  }
}
