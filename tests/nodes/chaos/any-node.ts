import type { Frame } from "../../../src/core/frame.ts";
import { type Answering, Gone } from "../../support/ask.ts";
import type { Random } from "../../support/random.ts";
import type { RealNodes } from "../../support/real-nodes.ts";
import { parseLines } from "../../support/server.ts";

/** How long a client waits for a node before it takes the outcome for unknown, in ms: some less than a takeover, some more. */
const PATIENCE_MS = [1500, 4000, 12_000, 30_000] as const;
/** What a node says when it has surely written nothing. */
const NOT_WRITTEN = ["not_leader", "disk_full", "node_unreachable"];
const PAUSE_MS = 60;

/** An id that was given out: nothing asked for after `end` may have a lower one. */
export interface Given {
  readonly start: number;
  readonly end: number;
  readonly id: string;
}

/**
 * Clients of all nodes: each request goes to some node. One that surely was not written is sent again, to whichever;
 * where that is not known, the client is told that the node is gone.
 */
export class AnyNode implements Answering {
  readonly #nodes: RealNodes;
  readonly #random: Random;
  readonly #over = new AbortController();
  readonly given: Given[] = [];
  /** How often a request ended in which way. */
  readonly counts: Record<string, number> = {};
  /** How long the slowest write took that was acknowledged, in ms. */
  slowest = 0;

  constructor(nodes: RealNodes, random: Random) {
    this.#nodes = nodes;
    this.#random = random;
  }

  /** No more requests. Those that wait for an answer get it. */
  end(): void {
    this.#over.abort();
  }

  get isOver(): boolean {
    return this.#over.signal.aborted;
  }

  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const follows = path.includes("follow");
    for (;;) {
      if (this.isOver) throw new Gone("no more requests");
      const { up } = this.#nodes;
      if (up.length === 0) {
        await Bun.sleep(PAUSE_MS);
        continue;
      }
      const server = this.#nodes.server(this.#random.pick(up));
      const start = performance.now();
      const signal = follows
        ? this.#over.signal
        : AbortSignal.timeout(this.#random.pick(PATIENCE_MS));
      const response = await server.fetch(path, { ...init, signal }).catch((error) => {
        this.#count("no answer");
        throw new Gone(`no answer to ${path}`, { cause: error });
      });
      if (follows) return response;
      const text = await response.text().catch((error) => {
        throw new Gone(`half an answer to ${path}`, { cause: error });
      });
      const { status, headers } = response;
      if (![503, 504, 507].includes(status)) {
        this.#note(path, init, { status, text, etag: headers.get("etag"), start });
        return new Response(status === 204 ? null : text, { status, headers });
      }
      const { code } = JSON.parse(text) as { code: string };
      this.#count(code);
      if (!NOT_WRITTEN.includes(code)) throw new Gone(`${path}: ${text}`);
      await Bun.sleep(PAUSE_MS * (1 + this.#random.next()));
    }
  }

  async append(topic: string, content = "", headers: Record<string, string> = {}): Promise<Frame> {
    const init = { method: "POST", body: content, headers };
    const response = await this.fetch(`/stream/${topic}`, init);
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as Frame;
  }

  async frames(path = "/"): Promise<Frame[]> {
    return parseLines(await (await this.fetch(path)).text());
  }

  #note(
    path: string,
    { method = "GET", headers }: RequestInit,
    answer: { status: number; text: string; etag: string | null; start: number },
  ): void {
    const { status, text, etag, start } = answer;
    if (method === "GET") return;
    this.#count(`${status}`);
    if (status !== 200) return;
    const end = performance.now();
    this.slowest = Math.max(this.slowest, end - start);
    // One that is sent again, or is for another time, has the id of then.
    const isOfNow =
      !path.includes("at=") && !Object.keys(headers ?? {}).includes("idempotency-key");
    if (!isOfNow) return;
    const id = method === "PUT" ? etag?.replaceAll('"', "") : parseLines(text).at(-1)?.id;
    if (id !== undefined) this.given.push({ start, end, id });
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }
}
