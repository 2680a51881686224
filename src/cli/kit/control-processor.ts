import type { Client } from "../../client/client.ts";
import { XsError } from "../../core/error.ts";
import type { Frame } from "../../core/frame.ts";
import type { Json } from "../../core/json.ts";
import { recordKey } from "../../processors/lifecycle/answers.ts";
import type { ListedProcessor } from "../../processors/lifecycle/status.ts";
import type { Outcome } from "./outcome.ts";
import {
  appendRequest,
  doesRun,
  findProcessor,
  handlingProcessors,
  hasEnded,
  inShort,
  listProcessors,
  type Named,
  RuntimeFrames,
  runsProcessors,
  serveCommand,
} from "./processors.ts";
import { startProcessor } from "./start-processor.ts";
import type { Target } from "./target.ts";

const ACTIONS = { rm, stop, start, restart: again };

/** What may be done with a processor that is there. */
export type Action = keyof typeof ACTIONS;

/**
 * Removes, stops, starts or restarts a processor, and waits until that is done.
 *
 * @throws XsError `not_found`, `no_answer`, `forbidden`; `bad_request` with the reason where it does not start
 */
export function controlProcessor(
  client: Client,
  target: Pick<Target, "address">,
  named: Named,
  action: Action,
): Promise<Outcome> {
  return handlingProcessors(async () =>
    ACTIONS[action](client, target, await findProcessor(client, named)),
  );
}

function done(text: string): Outcome {
  return { isDone: true, text };
}

function told(text: string): Outcome {
  return { isDone: false, text };
}

async function rm(
  client: Client,
  target: Pick<Target, "address">,
  row: ListedProcessor,
): Promise<Outcome> {
  const { kind, name } = row;
  const isAnswered = await terminate(client, row, {});
  if (isAnswered) return done(`${kind} ${name} is removed`);
  if (hasEnded(row)) return done(`${kind} ${name} is removed: it did not run`);
  return told(
    `${kind} ${name} is removed: it does not start with the next  ${serveCommand(target)}`,
  );
}

async function stop(
  client: Client,
  target: Pick<Target, "address">,
  row: ListedProcessor,
): Promise<Outcome> {
  const { kind, name } = row;
  if (hasEnded(row)) {
    const why = row.state === "stopped" ? "is stopped already" : `does not run: it ${ended(row)}`;
    return told(`${kind} ${name} ${why}`);
  }
  const isAnswered = await terminate(client, row, { keep: true });
  const goOn = `xs ${kind} start ${name}  goes on where it was`;
  if (isAnswered) return done(`${kind} ${name} is stopped:  ${goOn}`);
  const next = `it does not start with the next  ${serveCommand(target)}`;
  return told(`${kind} ${name} is stopped: ${next};  ${goOn}`);
}

async function start(
  client: Client,
  target: Pick<Target, "address">,
  row: ListedProcessor,
): Promise<Outcome> {
  if (hasEnded(row)) return spawnAgain(client, target, row);
  const { kind, name } = row;
  return told(
    doesRun(row)
      ? `${kind} ${name} runs already`
      : `${kind} ${name} starts with the next  ${serveCommand(target)} anyway`,
  );
}

async function again(
  client: Client,
  target: Pick<Target, "address">,
  row: ListedProcessor,
): Promise<Outcome> {
  if (hasEnded(row) || doesRun(row)) return spawnAgain(client, target, row);
  return start(client, target, row);
}

/**
 * Appends a terminate, and waits for the answer of the runtime.
 *
 * @returns whether one was to come, and came
 * @throws XsError `no_answer`
 */
async function terminate(client: Client, row: ListedProcessor, meta: object): Promise<boolean> {
  const { kind, name } = row;
  const append = () =>
    appendRequest(client, `stream.cross.${kind}.terminate`, { topic: name, ...meta });
  if ((await runsProcessors(client)) !== "yes") {
    await append();
    return false;
  }
  await using frames = await RuntimeFrames.open(client, kind);
  // It may have ended since it was found: then no answer comes.
  const isThere = (each: ListedProcessor) =>
    each.kind === kind && each.name === name && (doesRun(each) || each.state === "stopped");
  const isAnswered = (await listProcessors(client)).some(isThere);
  await append();
  if (!isAnswered) return false;
  const ends = new Set(["terminated", "stopped", "failed", "finished", "invalid"]);
  if (await frames.find(name, ({ event }) => ends.has(event))) return true;
  if (!(await listProcessors(client)).some(isThere)) return true;
  throw new XsError(
    "no_answer",
    `${kind} ${name} has not ended within a minute, and will: look with  xs ps`,
  );
}

/** Appends the spawn of a processor again, so that it goes on where it was. */
async function spawnAgain(
  client: Client,
  target: Pick<Target, "address">,
  row: ListedProcessor,
): Promise<Outcome> {
  const { kind, name } = row;
  const spawn = await spawnOf(client, row);
  const {
    handler_id: _,
    frame_id: __,
    by: ___,
    resume: ____,
    ...meta
  } = Object(spawn.meta) as {
    [key: string]: Json;
  };
  const resume = await hasRun(client, row, spawn);
  const line = JSON.stringify({
    topic: spawn.topic,
    meta: { ...meta, ...(resume && { resume }) },
    hash: spawn.hash,
  });
  return startProcessor(client, target, { kind, name }, async () => {
    try {
      const response = await client.request("/stream", { method: "POST", body: line });
      return JSON.parse((await response.text()).trim()) as Frame;
    } catch (error) {
      if (error instanceof XsError && error.code === "content_not_found") throw gone(row);
      throw error;
    }
  });
}

async function spawnOf(client: Client, row: ListedProcessor): Promise<Frame> {
  try {
    return (await (await client.request(`/${row.spawn_id}`)).json()) as Frame;
  } catch (error) {
    if (error instanceof XsError && error.code === "not_found") throw gone(row);
    throw error;
  }
}

function gone({ kind, name }: Named): XsError {
  return new XsError(
    "not_found",
    `the script of ${kind} ${name} is no longer in the store: give it again, with  xs ${kind} add ${name} FILE`,
  );
}

/** Whether there is progress to go on from. A generator that reads nothing has none, and needs none. */
async function hasRun(client: Client, named: Named, spawn: Frame): Promise<boolean> {
  const isDuplex =
    spawn.topic === "stream.cross.duplex.spawn" || Object(spawn.meta).duplex === true;
  if (named.kind === "generator" && !isDuplex) return true;
  try {
    const key = encodeURIComponent(recordKey(named));
    await (await client.request(`/kv/${key}`)).bytes();
    return true;
  } catch (error) {
    if (error instanceof XsError && error.code === "not_found") return false;
    throw error;
  }
}

function ended({ state, reason }: ListedProcessor): string {
  const how =
    state === "invalid" ? "is invalid" : state === "failed" ? "has failed" : "has finished";
  const why = inShort(reason ?? undefined);
  return why === "" ? how : `${how}: ${why}`;
}
