import { mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "../../client/client.ts";
import { quoted, XsError } from "../../core/error.ts";
import type { Frame } from "../../core/frame.ts";
import { formatDuration } from "../../core/time.ts";
import { textIn } from "../../net/text-body.ts";
import { runtimeOf } from "../../processors/child/runtime.ts";
import { OwnOutput } from "../../processors/handler/own-output.ts";
import { handlerAt, type PastHandler, type PastSpawn } from "../../processors/handler/past.ts";
import { tryHandler } from "../../processors/handler/try.ts";
import { sealedSource } from "../../sdk/sealed-source.ts";
import { plural } from "../kit/plural.ts";
import { PastRun } from "./past-run.ts";

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
  /** Ends it, where its answer is no longer wanted. */
  readonly signal?: AbortSignal | undefined;
  /** The only environment variables that the script gets; all but the token where it is undefined. */
  readonly scriptEnv?: readonly string[] | undefined;
}

/** The topics that tell which spawns there were, of all processors: their output names them. */
const SPAWNS = "stream.cross.handler.*,stream.cross.generator.spawn,stream.cross.duplex.spawn";

/**
 * Runs the script of a handler again on what it handled, up to a frame, and returns a line of JSON: the state before
 * that frame and after it, and what it wrote for it. Nothing of it reaches the store.
 *
 * @throws XsError `bad_request` with the reason why the state of then cannot be found; `not_found`
 */
export async function stateAt({
  client,
  name,
  id,
  record,
  limit,
  signal,
  scriptEnv,
}: StateAt): Promise<string> {
  const frame = JSON.parse(await textIn(await client.request(`/${id}`))) as Frame;
  const frames = await framesOf(client, `/?order=arrival&topic=${SPAWNS}`);
  const past = handlerAt(frames, name, id);
  const refused = (why: string) =>
    new XsError("bad_request", `the state of ${quoted(name)} at ${id} cannot be found: ${why}`);
  if (past === undefined) throw refused("no handler of that name has run in this store");
  const isOwn = ownOutput(name, past, frames);
  if (isOwn(JSON.stringify(frame), id)) throw refused("a handler never gets what its name wrote");
  const run = new PastRun(client, frame, isOwn, whyNotYet(past, record, id));
  const timeout = new AbortController();
  const timer = setTimeout(() => {
    const time = limit % 1000 === 0 ? formatDuration(limit) : `${limit} ms`;
    const more = formatDuration(Math.ceil(limit / 1000) * 10_000);
    const frames = plural(run.count, "frames");
    timeout.abort(
      new Error(
        `${time} were not enough; it came to ${frames}: give it more, as with  --timeout ${more}`,
      ),
    );
  }, limit);
  const ending = signal ? AbortSignal.any([signal, timeout.signal]) : timeout.signal;
  try {
    for (const spawn of past.spawns) {
      if (!run.isThere) await runAgain(client, name, spawn, run, { signal: ending, scriptEnv });
    }
  } catch (error) {
    const { failure } = run;
    if (!run.isThere || failure === undefined) throw refused(failure ?? (error as Error).message);
  } finally {
    clearTimeout(timer);
  }
  if (!run.isThere) throw refused(run.whyNot);
  return run.answer();
}

async function runAgain(
  client: Client,
  name: string,
  spawn: PastSpawn,
  run: PastRun,
  { signal, scriptEnv }: { signal: AbortSignal; scriptEnv: StateAt["scriptEnv"] },
): Promise<void> {
  const { id, meta } = spawn.frame;
  const source = await textIn(await client.request(`/${id}/content`));
  const runtime = (meta as { runtime?: string }).runtime ?? runtimeOf(source);
  if (runtime !== "ts") {
    throw new Error(
      `--at runs only scripts in TypeScript again, and this is ${runtime}: xs cannot refuse it effects outside the store. xs handler try runs it on history with them`,
    );
  }
  using folder = mkdtempDisposableSync(join(tmpdir(), "xs-state-"));
  await tryHandler({
    name,
    script: Buffer.from(sealedSource(source)),
    meta,
    sealed: true,
    from: run.state,
    place: { address: await client.serve(), folder: folder.path },
    scriptEnv,
    token: client.token,
    signal,
    frames: (options) => run.framesFor(spawn, options),
    write: async (line) => void run.lines.push(line),
    state: (text) => {
      run.state = text;
    },
  });
}

/** Why a handler cannot have had a frame; undefined where it may have. */
function whyNotYet(
  { spawns, ended, ids }: PastHandler,
  record: string | undefined,
  id: string,
): string | undefined {
  if (ended !== undefined && ended < id) return `${ended} ended it before that frame came`;
  const last = [...ids].at(-1);
  const { cursor, spawn_id: spawnId } = JSON.parse(record ?? "{}") as Partial<
    Record<"cursor" | "spawn_id", string>
  >;
  const runs = spawnId !== undefined && (spawnId === last || spawns.at(-1)?.frame.id === spawnId);
  if (!runs || cursor === undefined || cursor >= id) return undefined;
  return `it has not come to that frame yet; it is at ${cursor || "the beginning"}`;
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
