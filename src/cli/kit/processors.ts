import type { Client } from "../../client/client.ts";
import { quoted, XsError } from "../../core/error.ts";
import type { Frame } from "../../core/frame.ts";
import type { Json } from "../../core/json.ts";
import { textLines } from "../../lib/lines.ts";
import { chunksIn } from "../../net/text-body.ts";
import type { Kind } from "../../processors/lifecycle/registry.ts";
import type { ListedProcessor } from "../../processors/lifecycle/status.ts";
import { addressWord } from "./address-word.ts";
import { linesOf } from "./response-lines.ts";
import type { Target } from "./target.ts";

/** How long a command waits for the runtime, in ms: a program may take half a minute to load or to end. */
const ANSWER_MS = 60_000;

/** A generator or a handler, by its name. */
export interface Named {
  readonly kind: Kind;
  readonly name: string;
}

/** A frame of the runtime about a processor. */
export interface RuntimeFrame {
  readonly id: string;
  /** The last part of its topic. */
  readonly event: string;
  readonly meta: { readonly [key: string]: Json };
}

/** So many starts of servers are looked at for the last one of the node that leads. */
const LOOKED_AT_STARTS = 100;

const IDLE: ReadonlySet<string> = new Set(["stopped", "failed", "finished", "invalid", "paused"]);

/** Whether a processor has a program, or will have one soon. */
export function doesRun({ state }: ListedProcessor): boolean {
  return !IDLE.has(state);
}

/** Whether it has ended: it does not run after the next start of the server either. */
export function hasEnded({ ended }: ListedProcessor): boolean {
  return ended !== null;
}

/** Lists the processors that there are: those that run, or will, and those that have ended. */
export async function listProcessors(client: Client): Promise<ListedProcessor[]> {
  const rows: ListedProcessor[] = [];
  for await (const line of linesOf(await client.request("/ps?all=true"))) {
    rows.push(JSON.parse(line) as ListedProcessor);
  }
  return rows;
}

/** Finds a processor: the one that runs or, where only an earlier or a later spawn has ended, that. @throws XsError */
export async function findProcessor(client: Client, named: Named): Promise<ListedProcessor> {
  const all = await listProcessors(client);
  const rows = all.filter(({ kind, name }) => kind === named.kind && name === named.name);
  const row = rows.find((each) => !hasEnded(each)) ?? rows[0];
  if (row) return row;
  throw await noSuchProcessor(named, all);
}

/** Runs what handles processors. Says of a token that is not for that which one is. */
export async function handlingProcessors<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof XsError) || error.code !== "forbidden") throw error;
    throw new XsError(
      "forbidden",
      `${error.message}\nprocessors are handled with the token of the owner, or with one that may start code:  xs token add NAME --read '*' --append '*' --keys '' --all`,
      { cause: error },
    );
  }
}

/** The error for a name that no processor has. @param all the processors that there are */
export async function noSuchProcessor(
  { kind, name }: Named,
  all: readonly Named[],
): Promise<XsError> {
  const names = [...new Set(all.filter((one) => one.kind === kind).map((one) => one.name))];
  const problem = `there is no ${kind} ${quoted(name)}`;
  const other = all.find((one) => one.name === name)?.kind;
  if (other)
    return new XsError("not_found", `${problem}, but a ${other}: xs ${other} is for those`);
  const { suggestion } = await import("./suggest.ts");
  const list = names.slice(0, 10).join(", ") + (names.length > 10 ? ", …" : "");
  const there = names.length === 0 ? `: there is no ${kind} at all` : `: there is ${list}`;
  return new XsError("not_found", `${problem}${suggestion(name, names) || there}`);
}

/** The command that serves the store of a target. */
export function serveCommand({ address }: Pick<Target, "address">): string {
  return "url" in address ? "xs serve" : `xs serve ${addressWord(address)}`.trimEnd();
}

/** Whether the server runs processors: `no` where there is none, `paused` with --paused. */
export async function runsProcessors(client: Client): Promise<"yes" | "no" | "paused"> {
  if (client.isDirect || !(await isServer(client))) return "no";
  const start = (await startsOf(client, 1))[0];
  if (start?.node === undefined) return start?.paused === true ? "paused" : "yes";
  // On several machines they run on the one that leads.
  const leader = await leaderOf(client);
  const starts = await startsOf(client, LOOKED_AT_STARTS);
  return starts.findLast(({ node }) => node === leader)?.paused === true ? "paused" : "yes";
}

/** What the newest starts of servers say, the newest last. */
async function startsOf(client: Client, count: number): Promise<{ paused?: Json; node?: Json }[]> {
  const response = await client.request(`/last/stream.cross.start?last=${count}`);
  const lines: string[] = await Array.fromAsync(linesOf(response));
  return lines.map((line) => Object((JSON.parse(line) as Pick<Frame, "meta">).meta));
}

async function leaderOf(client: Client): Promise<string | undefined> {
  const lines: string[] = await Array.fromAsync(linesOf(await client.request("/-/nodes")));
  const rows = lines.map((line) => JSON.parse(line) as { role?: string; name: string });
  return rows.find(({ role }) => role === "leader")?.name;
}

/** Whether a server answers, and not a command that has the store open, as  xs ui  does. One of before does not say. */
async function isServer(client: Client): Promise<boolean> {
  try {
    const { serves } = (await (await client.request("/-/info")).json()) as { serves?: boolean };
    return serves !== false;
  } catch (error) {
    if (error instanceof XsError && error.code === "unknown_path") return true;
    throw error;
  }
}

/** Reads what the runtime says about the processors of a kind, from now on. */
export class RuntimeFrames implements AsyncDisposable {
  readonly #abort: AbortController;
  readonly #lines: AsyncGenerator<string[]>;
  readonly #deadline = Date.now() + ANSWER_MS;
  #waiting: string[] = [];

  private constructor(response: Response, abort: AbortController) {
    this.#abort = abort;
    this.#lines = textLines(chunksIn(response));
  }

  /** Resolves once nothing is missed any more. */
  static async open(client: Client, kind: Kind): Promise<RuntimeFrames> {
    const abort = new AbortController();
    const path = `/?follow=true&tail=true&topic=stream.cross.${kind}.*`;
    const response = await client.request(path, { signal: abort.signal });
    const frames = new RuntimeFrames(response, abort);
    await frames.#next();
    return frames;
  }

  /**
   * Waits for a frame about a name.
   *
   * @returns undefined after a minute
   * @throws XsError `no_server` where the server stops
   */
  async find(
    name: string,
    isIt: (frame: RuntimeFrame) => boolean,
  ): Promise<RuntimeFrame | undefined> {
    for (;;) {
      const line = await this.#next();
      if (line === undefined) return undefined;
      const { topic, id, meta } = JSON.parse(line) as Frame;
      const frame = { id, event: topic.split(".").at(-1) ?? "", meta: Object(meta) as never };
      if ((frame.meta as { topic?: Json }).topic === name && isIt(frame)) return frame;
    }
  }

  async #next(): Promise<string | undefined> {
    while (this.#waiting.length === 0) {
      const late = Bun.sleep(Math.max(this.#deadline - Date.now(), 0)).then(() => undefined);
      const next = this.#lines.next();
      const result = await Promise.race([next, late]);
      // What comes after the deadline does not matter.
      if (!result) void next.catch(() => {});
      if (!result) return undefined;
      if (result.done) {
        throw new XsError(
          "no_server",
          "the server stopped before it answered: look with  xs ps --all",
        );
      }
      this.#waiting = result.value;
    }
    return this.#waiting.shift();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
  }
}

/**
 * Appends a request to the runtime, and returns its frame.
 *
 * @param expectLast the newest frame of the topic, or "none": with another one the append is refused
 * @throws XsError `expect_last_failed` and so on
 */
export async function appendRequest(
  client: Client,
  topic: string,
  meta: object,
  script?: Uint8Array<ArrayBuffer>,
  expectLast?: string,
): Promise<Frame> {
  const headers = {
    "xs-meta": Buffer.from(JSON.stringify(meta)).toString("base64"),
    ...(expectLast !== undefined && { "xs-expect-last": expectLast }),
  };
  const init = { method: "POST", headers, body: script ?? new Uint8Array() };
  return (await (await client.request(`/stream/${topic}`, init)).json()) as Frame;
}

/** One line of a text for a message: no more of it than says why. */
export function inShort(text: Json | undefined): string {
  return typeof text === "string" ? text.trim() : "";
}
