import { XsError } from "../../core/error.ts";
import { framesIn, lastIdIn, parseObject } from "../../core/frame.ts";
import { FOREVER, parseTtl, type Ttl } from "../../core/ttl.ts";
import { textOf } from "../../lib/text.ts";
import { scriptEnvironment } from "../child/environment.ts";
import { howItEnded } from "../child/exit.ts";
import { prepare, type ScriptPlace } from "../child/runtime.ts";
import { Invalid, parseSpawnOptions, passesOver } from "../lifecycle/options.ts";
import { type Result, resultOf } from "./effects.ts";
import { InFlight } from "./in-flight.ts";
import { type Step, Worker } from "./worker.ts";

/** A handler to be tried. */
export interface Trial {
  readonly name: string;
  readonly script: Uint8Array;
  readonly place: Omit<ScriptPlace, "env">;
  /** What the script has to send at that address, where it needs it. */
  readonly token?: string | undefined;
  /** Frames as NDJSON, whole lines at a time; asked for when the topics of the handler are known. */
  frames(topics: readonly string[] | undefined): AsyncIterable<Uint8Array>;
  /** Takes a line of JSON: a frame that the handler would have appended, and so on. */
  write(line: string): Promise<void>;
}

/** Stands for the spawn that there is not. */
const TRIAL_ID = "0".repeat(25);

/**
 * Runs a handler over frames and tells what it would write, without writing it.
 *
 * @throws Invalid where it does not load, Error where it fails
 */
export async function tryHandler(trial: Trial): Promise<void> {
  const { name, script, place, frames, write } = trial;
  const subject = { kind: "handler" as const, name, spawnId: TRIAL_ID };
  const env = scriptEnvironment();
  const prepared = prepare({ ...place, env }, subject, script, parseSpawnOptions(null, "handler"));
  const ttls = new Map<string, Ttl>();
  const inFlight = new InFlight();
  let state: string | undefined;
  let last = "";
  let failure: string | undefined;
  let reached = Promise.withResolvers<void>();
  const take = async (step: Step): Promise<void> => {
    if (failure !== undefined) return;
    const failed = new Map<string, string>();
    const lines = step.effects.map((effect) => {
      const { frameId = step.done } = effect;
      try {
        const made = resultOf(effect, subject, FOREVER, (id) => ttls.get(id) ?? FOREVER);
        return { frameId, line: shownResult(made) };
      } catch (error) {
        if (!(error instanceof XsError)) throw error;
        failed.set(frameId, error.message);
        return { frameId };
      }
    });
    if (step.error !== undefined) {
      failed.set(step.done, step.error);
      lines.push({ frameId: step.done });
    }
    for (const { frameId, line } of lines) {
      // Nothing of a frame on which it fails would stay.
      if (line !== undefined && !failed.has(frameId)) await write(line);
      if (line !== undefined) continue;
      await write(JSON.stringify({ error: failed.get(frameId), frame_id: frameId }));
      if (!passesOver(worker.options, inFlight.topicOf(frameId)))
        failure ??= `it failed on the frame ${frameId}`;
    }
    if (step.state !== undefined) state = step.state;
    inFlight.done(step.done);
    void worker.tellCommitted(step.done);
    if (failure !== undefined || step.done >= last) reached.resolve();
  };
  const stderr = (stream: ReadableStream<Uint8Array>) => {
    const done = stream.pipeTo(
      new WritableStream({ write: (bytes) => void process.stderr.write(bytes) }),
    );
    return { done, tail: "" };
  };
  const worker = await Worker.start(
    { ...prepared, env: { ...prepared.env, XS_TRIAL: "1", ...tokenOf(trial) } },
    null,
    { step: take, stderr },
    new AbortController().signal,
  ).catch((error) => {
    prepared.dispose();
    throw error instanceof Invalid ? new Error(error.message || "it does not load") : error;
  });
  const ended = worker.ended.then(
    (exit) => {
      failure ??= howItEnded(exit);
      reached.resolve();
    },
    (error: Error) => {
      failure ??= error.message;
      reached.resolve();
    },
  );
  try {
    const { initial, topics, concurrency } = worker.options;
    if (initial !== undefined && concurrency === 1) {
      state = JSON.stringify(initial);
      await worker.sendState(state);
    }
    for await (const bytes of frames(topics)) {
      for (const { id, ttl } of framesIn(bytes)) {
        if (ttl !== "forever") ttls.set(id, parseTtl(ttl));
      }
      reached = Promise.withResolvers();
      last = lastIdIn(bytes);
      inFlight.add({ bytes, lastId: last });
      await worker.send(bytes, last);
      await reached.promise;
      ttls.clear();
      if (failure !== undefined) break;
    }
    if (failure !== undefined) throw new Error(failure);
    if (state !== undefined) await write(`{"state":${state}}`);
  } finally {
    failure ??= "";
    worker.stop();
    await ended;
    prepared.dispose();
  }
}

function shownResult(result: Result): string {
  if ("delete" in result) return JSON.stringify(result);
  if ("put" in result) {
    const { key, type, value } = result.put;
    return JSON.stringify({ put: { key, type, ...shownBytes("value", value) } });
  }
  const { topic, ttl, meta, content } = result.append;
  const { handler_id: _, ...rest } = parseObject(meta) ?? {};
  return JSON.stringify({
    topic,
    meta: rest,
    ttl: ttl.text,
    ...(content && content.length > 0 && shownBytes("content", content)),
  });
}

function shownBytes(name: string, bytes: Uint8Array): object {
  const text = textOf(bytes);
  if (text !== undefined) return { [name]: text };
  return { base64: Buffer.from(bytes).toString("base64") };
}

function tokenOf({ token }: Trial): { XS_TOKEN?: string } {
  return token === undefined ? {} : { XS_TOKEN: token };
}
