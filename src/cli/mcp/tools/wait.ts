import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../../../client/client.ts";
import { mayPass } from "../../../client/may-pass.ts";
import { type ErrorCode, XsError } from "../../../core/error.ts";
import { idInLine } from "../../../core/frame.ts";
import { parseId } from "../../../core/id.ts";
import { textIn } from "../../../net/text-body.ts";
import { linesOf } from "../../kit/response-lines.ts";
import { type Collected, collect } from "../collect.ts";
import { FRAME_SCHEMA } from "../frame-view.ts";
import { READS, type Tool, type ToolCall, UNTRUSTED } from "../tool.ts";
import { LIMIT_ARGUMENT, TOPIC_ARGUMENT } from "./read.ts";

/** How long a call waits where it does not say, and at most, in ms: clients give up after a minute by default. */
const WAIT_MS = 25_000;
const MAX_WAIT_MS = 600_000;
/** How often a client hears that the call still waits, in ms. */
const PROGRESS_MS = 5_000;
/** The first pause before a server that went away is asked again, and the longest, in ms. */
const RETRY_MS = 100;
const MAX_RETRY_MS = 2_000;

/** Every frame is behind this place. */
const LOWEST_ID = "0".repeat(25);

const NOTHING: Collected = { frames: [], last: undefined, truncated: false };

/** Failures that pass when a server starts, beside those that pass by themselves. */
const AWAY: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["no_server", "store_not_found"]);

export const waitTool: Tool = {
  name: "wait",
  title: "Wait for frames",
  description: `Waits until a frame is appended, and returns it. Without after: frames that come from now on. With after: those behind that frame, at once if there are some. Nothing in time is no error: timed_out is true then. To miss nothing, pass next of each answer as after of the following call, whether it timed out or not. It needs a running server. ${UNTRUSTED}
Examples: {"topic":"build.done"}; then {"topic":"build.done","after":"<next>"}`,
  inputSchema: {
    type: "object",
    properties: {
      topic: TOPIC_ARGUMENT,
      after: {
        type: "string",
        description:
          "an id, as next of the last answer: frames that arrived after it. Default: now",
      },
      timeout_ms: {
        type: "integer",
        minimum: 0,
        most: MAX_WAIT_MS,
        default: WAIT_MS,
        description: `how long to wait; ${MAX_WAIT_MS} at most, and your client may give up earlier, often after 60000`,
      },
      limit: LIMIT_ARGUMENT,
    },
    additionalProperties: false,
  },
  outputSchema: {
    type: "object",
    properties: {
      frames: { type: "array", items: FRAME_SCHEMA },
      timed_out: { type: "boolean", description: "no frame came in time" },
      truncated: { type: "boolean", description: "more frames are there already" },
      next: { type: "string", description: "the id to pass as after in the following call" },
    },
    required: ["frames", "timed_out", "truncated", "next"],
  },
  annotations: READS,
  async run({ topic, after, timeout_ms, limit }, call) {
    const waiting = new Waiting(
      call,
      call.bounds.topicQuery(topic as string | undefined),
      after === undefined ? undefined : parseId(String(after)),
      { ms: Number(timeout_ms), most: Number(limit) },
    );
    const { frames, truncated, last } = await waiting.run();
    return {
      frames,
      timed_out: frames.length === 0,
      truncated,
      next: last ?? waiting.after ?? LOWEST_ID,
    };
  },
};

/** One call, which may meet several servers, one after the other. */
class Waiting {
  /** Frames behind this one are waited for; undefined until a server said which one is the newest. */
  after: string | undefined;
  readonly #call: ToolCall;
  readonly #topics: Record<string, string>;
  readonly #most: number;
  readonly #ms: number;
  readonly #started = performance.now();
  /** A server has answered, so that the place to go on from is known. */
  #isSettled = false;

  constructor(
    call: ToolCall,
    topics: Record<string, string>,
    after: string | undefined,
    { ms, most }: { ms: number; most: number },
  ) {
    this.#call = call;
    this.#topics = topics;
    this.#ms = ms;
    this.#most = most;
    this.after = after;
  }

  /** Waits for frames, over the end of servers too. @throws XsError */
  async run(): Promise<Collected> {
    const reports = setInterval(() => this.#report(), PROGRESS_MS);
    try {
      return await this.#run();
    } finally {
      clearInterval(reports);
    }
  }

  async #run(): Promise<Collected> {
    let pause = RETRY_MS;
    for (;;) {
      let failure: unknown;
      try {
        await using client = await this.#call.store.waiting();
        const collected = await this.#ask(client);
        if (collected.frames.length > 0 || this.#left <= 0) return collected;
        // The read ended early: so did its server.
      } catch (error) {
        failure = error;
      }
      const { signal, ending } = this.#call;
      signal.throwIfAborted();
      if (ending.aborted && this.#isSettled) return NOTHING;
      if (failure !== undefined && (!this.#isSettled || !comesBack(failure))) throw failure;
      if (this.#left <= 0) throw this.#gone(failure);
      await this.#sleep(pause);
      pause = Math.min(pause * 2, MAX_RETRY_MS);
    }
  }

  async #ask(client: Client): Promise<Collected> {
    const { bounds, ending } = this.#call;
    const signal = AbortSignal.any([this.#call.signal, ending]);
    if (!this.#isSettled) {
      this.after ??= await newestId(client, this.#call.signal);
      this.#isSettled = true;
      this.#report();
    }
    const query = new URLSearchParams({
      ...this.#topics,
      ...(this.after !== undefined && { after: this.after }),
      wait: String(Math.max(0, Math.ceil(this.#left))),
      content: "inline",
      limit: String(this.#most + 1),
    });
    const response = await client.request(`/?${query}`, { signal });
    return collect(linesOf(response), bounds, this.#most);
  }

  /** Sleeps, no longer than the call lasts. */
  async #sleep(ms: number): Promise<void> {
    const { signal, ending } = this.#call;
    const either = AbortSignal.any([signal, ending]);
    await sleep(Math.min(ms, this.#left), undefined, { signal: either }).catch(() => {});
    signal.throwIfAborted();
  }

  /** The rest of the time, in ms. */
  get #left(): number {
    return this.#ms - (performance.now() - this.#started);
  }

  #report(): void {
    const seconds = Math.round(this.#ms - this.#left) / 1000;
    const what = this.#topics.topic ?? "any topic";
    this.#call.progress(seconds, this.#ms / 1000, `waiting for a frame of ${what}`);
  }

  #gone(failure: unknown): XsError {
    const reason = failure instanceof XsError ? failure.message : "the server stopped";
    const next = this.after === undefined ? "" : `, and call wait again with after ${this.after}`;
    return new XsError("no_server", `the server went away, and is not back: ${reason}${next}`);
  }
}

function comesBack(error: unknown): boolean {
  return mayPass(error) || (error instanceof XsError && AWAY.has(error.code));
}

/** The id of the newest frame; below every id where there is none. */
async function newestId(client: Client, signal: AbortSignal): Promise<string> {
  try {
    return idInLine(await textIn(await client.request("/last", { signal })));
  } catch (error) {
    if (error instanceof XsError && error.code === "not_found") return LOWEST_ID;
    throw error;
  }
}
