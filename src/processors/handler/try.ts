import { XsError } from "../../core/error.ts";
import { framesIn, lastIdIn, parseObject } from "../../core/frame.ts";
import type { Json } from "../../core/json.ts";
import { idAt } from "../../core/place.ts";
import { formatTime } from "../../core/time.ts";
import { FOREVER, parseTtl, type Ttl } from "../../core/ttl.ts";
import { textOf } from "../../lib/text.ts";
import { SEALED_EXIT } from "../../sdk/ts/seal.ts";
import { scriptEnvironment } from "../child/environment.ts";
import { howItEnded } from "../child/exit.ts";
import { prepare, type ScriptPlace } from "../child/runtime.ts";
import {
  type HandlerOptions,
  Invalid,
  parseSpawnOptions,
  passesOver,
} from "../lifecycle/options.ts";
import { type PlannedChange, plannedChange } from "./effects.ts";
import { InFlight } from "./in-flight.ts";
import { type Step, Worker } from "./worker.ts";

/** A handler for a trial run, and where its frames and its output are. */
export interface Trial {
  readonly name: string;
  readonly script: Uint8Array;
  readonly place: Omit<ScriptPlace, "env">;
  /** The only environment variables that the script gets; all but the token where it is left out. */
  readonly scriptEnv?: readonly string[] | undefined;
  /** The token that the script needs at that address, if it needs one. */
  readonly token?: string | undefined;
  /** The meta of its spawn, if it has one. */
  readonly meta?: Json;
  /**
   * It runs again on history: effects outside the store are refused, and so are reads of entries. The output of its
   * process is dropped.
   */
  readonly sealed?: boolean;
  /** The state with which it goes on, as JSON text. */
  readonly from?: string | undefined;
  /** Ends it when it is aborted. The reason is an Error. */
  readonly signal?: AbortSignal;
  /**
   * Reads frames as NDJSON, in whole lines, with rising ids in each piece. Called once the options of the handler are
   * known; the next piece is read when the handler is done with the one before.
   */
  frames(options: HandlerOptions): AsyncIterable<Uint8Array>;
  /** Takes the state, as JSON text, before the first piece and after each. */
  state?(text: string | undefined): void;
  /** Takes a line of JSON: a frame that the handler would have appended, and so on. */
  write(line: string): Promise<void>;
}

/** How much of the end of stderr a sealed run keeps. */
const MAX_TAIL_CHARACTERS = 4000;

/** The spawn id of a trial, which has no spawn. */
const TRIAL_ID = "0".repeat(25);

/**
 * Runs a handler over frames, and passes its output to `write` instead of the store.
 *
 * @throws Error where the handler does not load, or fails; Invalid where the script cannot run
 */
export async function tryHandler(trial: Trial): Promise<void> {
  const { name, script, place, token, frames, write, meta = null, sealed = false } = trial;
  const signal = trial.signal ?? new AbortController().signal;
  const subject = { kind: "handler" as const, name, spawnId: TRIAL_ID };
  const env = scriptEnvironment(trial.scriptEnv);
  const prepared = prepare({ ...place, env }, subject, script, parseSpawnOptions(meta, "handler"));
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
      const { frameId = idAt(step.done) } = effect;
      try {
        const made = plannedChange(effect, subject, FOREVER, (id) => ttls.get(id) ?? FOREVER);
        return { frameId, line: shownChange(made) };
      } catch (error) {
        if (!(error instanceof XsError)) throw error;
        failed.set(frameId, error.message);
        return { frameId };
      }
    });
    if (step.error !== undefined) {
      const frameId = idAt(step.done);
      failed.set(frameId, step.error);
      lines.push({ frameId });
    }
    for (const { frameId, line } of lines) {
      // The store would keep nothing of a frame on which the handler fails.
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
  const said = { done: Promise.resolve(), tail: "" };
  const stderr = (stream: ReadableStream<Uint8Array>) => {
    const write = (bytes: Uint8Array) => {
      if (sealed) said.tail = (said.tail + Buffer.from(bytes)).slice(-MAX_TAIL_CHARACTERS);
      else process.stderr.write(bytes);
    };
    said.done = stream.pipeTo(new WritableStream({ write }));
    return said;
  };
  const worker = await Worker.start(
    {
      ...prepared,
      env: {
        ...prepared.env,
        XS_TRIAL: sealed ? "sealed" : "1",
        ...(token !== undefined && { XS_TOKEN: token }),
      },
    },
    meta,
    { step: take, stderr, placeOf: (id) => id },
    signal,
  ).catch((error) => {
    prepared.dispose();
    if (signal.aborted) throw signal.reason;
    if (sealed) throw new Error(lastLine(said.tail) ?? error.message);
    throw error instanceof Invalid ? new Error(error.message || "it does not load") : error;
  });
  const ended = worker.ended
    .then(
      (exit) => (exit.code === SEALED_EXIT ? lastLine(said.tail) : undefined) ?? howItEnded(exit),
      (error: Error) => error.message,
    )
    .then((reason) => {
      failure ??= reason;
      reached.resolve();
    });
  const abort = () => {
    failure ??= (signal.reason as Error).message;
    reached.resolve();
    worker.stop();
  };
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  try {
    const { initial, concurrency } = worker.options;
    state = trial.from ?? (initial === undefined ? undefined : JSON.stringify(initial));
    if (state !== undefined && concurrency === 1) {
      await worker.sendState(state);
    }
    trial.state?.(state);
    for await (const bytes of frames(worker.options)) {
      for (const { id, ttl } of framesIn(bytes)) {
        if (ttl !== "forever") ttls.set(id, parseTtl(ttl));
      }
      reached = Promise.withResolvers();
      last = lastIdIn(bytes);
      const page = { bytes, last, position: undefined };
      inFlight.add(page);
      await worker.send(page);
      await reached.promise;
      ttls.clear();
      if (failure !== undefined) break;
      trial.state?.(state);
    }
    if (failure !== undefined) throw new Error(failure);
    if (state !== undefined && !trial.state) await write(`{"state":${state}}`);
  } finally {
    failure ??= "";
    signal.removeEventListener("abort", abort);
    worker.stop();
    await ended;
    prepared.dispose();
  }
}

function lastLine(text: string): string | undefined {
  return text.split("\n").findLast((line) => line.trim() !== "");
}

function shownChange(change: PlannedChange): string {
  if ("delete" in change || "remove" in change) return JSON.stringify(change);
  if ("put" in change) {
    const { key, type, value } = change.put;
    return JSON.stringify({ put: { key, type, ...shownBytes("value", value) } });
  }
  const { topic, ttl, meta, content, at } = change.append;
  const { handler_id: _, ...rest } = parseObject(meta) ?? {};
  return JSON.stringify({
    topic,
    meta: rest,
    ttl: ttl.text,
    ...(at !== undefined && { at: formatTime(at) }),
    ...(content &&
      !(content instanceof Blob) &&
      content.length > 0 &&
      shownBytes("content", content)),
  });
}

function shownBytes(name: string, bytes: Uint8Array): object {
  const text = textOf(bytes);
  if (text !== undefined) return { [name]: text };
  return { base64: Buffer.from(bytes).toString("base64") };
}
