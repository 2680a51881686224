import { mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "../../client/client.ts";
import { quoted, XsError } from "../../core/error.ts";
import { type Frame, idInLine, linesIn, pageOf } from "../../core/frame.ts";
import { matches } from "../../core/pattern.ts";
import { formatDuration } from "../../core/time.ts";
import { wholeLines } from "../../lib/lines.ts";
import { bytesIn, chunksIn, textIn } from "../../net/text-body.ts";
import { runtimeOf } from "../../processors/child/runtime.ts";
import { forHandler } from "../../processors/handler/handler-page.ts";
import { OwnOutput } from "../../processors/handler/own-output.ts";
import { handlerAt, type PastHandler } from "../../processors/handler/past.ts";
import { tryHandler } from "../../processors/handler/try.ts";
import type { HandlerOptions } from "../../processors/lifecycle/options.ts";
import { sealedSource } from "../../sdk/sealed-source.ts";

/** Which state is wanted, of which handler. */
export interface StateAt {
  readonly client: Client;
  readonly name: string;
  /** Of the frame. */
  readonly id: string;
  /** The entry in which the runtime keeps the progress of the handler, until it is removed. */
  readonly record: string | undefined;
  /** How long the run may take, in ms. */
  readonly limit: number;
}

/** The topics that tell which spawns there were, of all processors: their output names them. */
const SPAWNS = "stream.cross.handler.*,stream.cross.generator.spawn,stream.cross.duplex.spawn";

/**
 * Runs the script of a handler again on what it handled, up to a frame, and returns a line of JSON: the state before
 * that frame and after it, and what it wrote for it. Nothing of it reaches the store.
 *
 * @throws XsError `bad_request` with the reason why the state of then cannot be found; `not_found`
 */
export async function stateAt({ client, name, id, record, limit }: StateAt): Promise<string> {
  const frame = JSON.parse(await textIn(await client.request(`/${id}`))) as Frame;
  const spawns = await framesOf(client, `/?order=arrival&topic=${SPAWNS}`);
  const past = handlerAt(spawns, name, id);
  const refused = (why: string) =>
    new XsError("bad_request", `the state of ${quoted(name)} at ${id} cannot be found: ${why}`);
  if (past === undefined) throw refused("no handler of that name has run in this store");
  if (typeof past === "string") throw refused(past);
  const script = await bytesIn(await client.request(`/${past.spawn.id}/content`));
  const source = new TextDecoder().decode(script);
  const runtime = (past.root.meta as { runtime?: string }).runtime ?? runtimeOf(source);
  if (runtime !== "ts") {
    throw refused(
      `--at runs only scripts in TypeScript again, and this is ${runtime}: xs cannot refuse it effects outside the store. xs handler try runs it on history with them`,
    );
  }
  const isOwn = ownOutput(name, past, spawns);
  if (isOwn(JSON.stringify(frame), id)) throw refused("a handler never gets what its name wrote");
  const run = new PastRun(client, past, frame, isOwn);
  const { cursor, spawn_id: spawnId } = JSON.parse(record ?? "{}") as Partial<
    Record<"cursor" | "spawn_id", string>
  >;
  if (past.spawn.id === spawnId && cursor !== undefined && cursor < id)
    run.notYet = `it has not come to that frame yet; it is at ${cursor || "the beginning"}`;
  else if (past.end !== undefined && past.end < id)
    run.notYet = `${past.end} ended it before that frame came`;
  const timeout = new AbortController();
  const timer = setTimeout(() => {
    const why = `${formatDuration(limit)} were not enough, for ${run.count.toLocaleString("en")} frames so far: give it more, as with  --timeout ${formatDuration(limit * 10)}`;
    timeout.abort(new Error(why));
  }, limit);
  using folder = mkdtempDisposableSync(join(tmpdir(), "xs-state-"));
  try {
    await tryHandler({
      name,
      script: Buffer.from(sealedSource(source)),
      meta: past.root.meta,
      sealed: true,
      place: { address: await client.serve(), folder: folder.path },
      token: client.token,
      signal: timeout.signal,
      frames: (options) => run.frames(options),
      write: async (line) => run.lines.push(line),
      state: (text) => {
        run.state = text;
      },
    });
  } catch (error) {
    if (!run.failedThere) throw refused(run.reason ?? (error as Error).message);
  } finally {
    clearTimeout(timer);
  }
  if (!run.isThere) throw refused(run.whyNot);
  return run.answer();
}

/** The frames of a run, and what comes of them. */
class PastRun {
  /** The state so far, as JSON text. */
  state: string | undefined;
  /** The lines of the frames that the handler has now. */
  lines: { push(line: string): void } & string[] = [];
  count = 0;
  /** Why the handler has not had the frame, if that is so. */
  notYet: string | undefined;
  /** It was given the frame. */
  isThere = false;
  readonly #client: Client;
  readonly #past: PastHandler;
  readonly #frame: Frame;
  readonly #isOwn: (line: string, id: string) => boolean;
  #before: string | undefined;
  #topics: readonly string[] | undefined;

  constructor(
    client: Client,
    past: PastHandler,
    frame: Frame,
    isOwn: (line: string, id: string) => boolean,
  ) {
    this.#client = client;
    this.#past = past;
    this.#frame = frame;
    this.#isOwn = isOwn;
  }

  async *frames({ start, topics }: HandlerOptions): AsyncIterableIterator<Uint8Array> {
    this.#topics = topics;
    if (this.notYet !== undefined || !matches(topics && new Set(topics), this.#frame.topic)) return;
    const query = new URLSearchParams({ order: "arrival" });
    if (topics) query.set("topic", topics.join(","));
    const after = start === "tail" ? this.#past.root.id : start;
    if (after !== "first") query.set("last-id", after);
    const response = await this.#client.request(`/?${query}`);
    for await (const bytes of wholeLines(chunksIn(response))) {
      const page = forHandler(bytes, undefined, {}, this.#isOwn);
      for (const lines of page ? risingParts(linesIn(page.bytes)) : []) {
        const at = lines.findIndex((line) => idInLine(line) === this.#frame.id);
        const before = at < 0 ? lines : lines.slice(0, at);
        if (before.length > 0) yield this.#give(before);
        if (at < 0) continue;
        this.#before = this.state;
        this.isThere = true;
        yield this.#give(lines.slice(at, at + 1));
        return;
      }
    }
  }

  #give(lines: readonly string[]): Uint8Array {
    this.lines = [];
    this.count += lines.length;
    return pageOf(lines);
  }

  /** The handler failed on the frame itself: its output says so. */
  get failedThere(): boolean {
    return this.isThere && this.reason !== undefined;
  }

  /** Why it failed on a frame. */
  get reason(): string | undefined {
    const failed = this.lines
      .map((line) => JSON.parse(line) as { error?: string; frame_id?: string })
      .findLast(({ error }) => error !== undefined);
    return failed && `it fails on the frame ${failed.frame_id}: ${failed.error}`;
  }

  /** Why it was not given the frame. */
  get whyNot(): string {
    const { topic } = this.#frame;
    const isFor = matches(this.#topics && new Set(this.#topics), topic);
    if (isFor && this.notYet !== undefined) return this.notYet;
    const topics = this.#topics?.join(", ");
    return `it does not get that frame ${topic}: its topics are ${topics ?? "all"}, and it began with ${this.#past.root.id}`;
  }

  answer(): string {
    const errors = this.lines.filter((line) => line.startsWith('{"error"'));
    const out = this.lines.filter((line) => !line.startsWith('{"error"'));
    const members = [
      ...(this.#before === undefined ? [] : [`"before":${this.#before}`]),
      ...(this.state === undefined ? [] : [`"after":${this.state}`]),
      ...(out.length === 0 ? [] : [`"out":[${out.join(",")}]`]),
      ...errors.map((line) => {
        const { error } = JSON.parse(line) as { error: string };
        return `"error":${JSON.stringify(error)}`;
      }),
    ];
    return `{${members.join(",")}}`;
  }
}

/** Splits lines where an id is lower than the one before: a late frame is alone with those after it. */
function risingParts(lines: readonly string[]): string[][] {
  const parts: string[][] = [];
  let last = "";
  for (const line of lines) {
    const id = idInLine(line);
    if (id > last && parts.length > 0) parts.at(-1)?.push(line);
    else parts.push([line]);
    last = id;
  }
  return parts;
}

function ownOutput(name: string, { ids }: PastHandler, spawns: readonly Frame[]) {
  const lines = new Map(spawns.map((each) => [each.id, JSON.stringify(each)]));
  const own = new OwnOutput({ get: (id) => lines.get(id) }, name, (id) => ids.has(id));
  return (line: string, id: string) => own.has(line, id);
}

async function framesOf(client: Client, path: string): Promise<Frame[]> {
  const text = await textIn(await client.request(path));
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Frame);
}
