import { existsSync } from "node:fs";
import { join } from "node:path";
import { XsError } from "../core/error.ts";
import { neverConnected } from "../net/connection-error.ts";
import type { Ask } from "../net/http-client.ts";
import { NODE_NAME } from "../store/is-store.ts";
import { writeMayPass } from "./may-pass.ts";

/** How long a write is tried, in ms: an election of nodes, and one of the servers of their journal, take less. */
const TRY_MS = 15_000;
/** How long the last try may take beyond that, in ms. */
const LAST_MS = 5000;
/** The waits between tries, in ms; the last one is repeated. */
const DELAYS_MS = [50, 100, 200, 400, 800, 1600];
/** The waits before a server is asked whether it is a node, in ms. */
const ASK_DELAYS_MS = [0, 200, 800];

/** Where requests go. */
export interface Target {
  /** As messages name it. */
  readonly at: string;
  /** The directory of the store, where that is on this machine. */
  readonly directory?: string | undefined;
  /** Whether it has shown that it is a node. */
  isKnownNode(): boolean;
  /** Hears why a write waits. */
  readonly waiting?: Waiting | undefined;
}

/** Receives the problem for which a write is tried again. */
export type Waiting = (problem: XsError) => void;

/** A write that failed. */
export interface Write extends Target {
  /** When it was sent first, see `performance.now`. */
  readonly began: number;
  readonly path: string;
  readonly init: RequestInit & { readonly method: string; readonly headers: Headers };
}

/**
 * Sends a write again until it succeeds, is refused for good, or time runs out. Only on a store on several machines, and
 * only where that does it once.
 *
 * @param error that of the first try
 * @throws XsError the last one; its message says whether something was written, as far as that is known
 */
export async function tryAgain(ask: Ask, write: Write, error: XsError): Promise<Response> {
  // Whoever listens nowhere has taken nothing: to find another way is up to the caller.
  if (!writeMayPass(error) || isForLeader(write) || !(await isNode(ask, write, error))) throw error;
  const deadline = write.began + TRY_MS;
  let last = error;
  let isUnknown = mayBeDone(error);
  let hasSaid = false;
  for (let tries = 0; performance.now() < deadline; tries++) {
    if (isUnknown && !isRepeatable(write)) break;
    if (!hasSaid) write.waiting?.(last);
    hasSaid = true;
    const delay = DELAYS_MS[Math.min(tries, DELAYS_MS.length - 1)] ?? 0;
    await Bun.sleep(Math.min(delay, Math.max(0, deadline - performance.now())));
    try {
      return await inTime(ask, write, deadline + LAST_MS);
    } catch (failure) {
      if (!(failure instanceof XsError)) throw failure;
      // The first try has removed it.
      if (isUnknown && failure.code === "not_found" && write.init.method === "DELETE") {
        return new Response(null, { status: 204 });
      }
      if (!writeMayPass(failure) && !neverConnected(failure)) throw failure;
      last = failure;
      isUnknown ||= mayBeDone(failure);
    }
  }
  throw isUnknown ? unknownOutcome(write, last) : stillFails(last);
}

/** Sends it, and does not wait for the head of the response after a deadline. */
async function inTime(ask: Ask, { path, init }: Write, deadline: number): Promise<Response> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), deadline - performance.now());
  try {
    return await ask(path, { ...init, signal: late.signal });
  } finally {
    clearTimeout(timer);
  }
}

/** Whether the store is on several machines. An answer says so; a connection that broke does not. */
async function isNode(
  ask: Ask,
  { directory, isKnownNode }: Write,
  error: XsError,
): Promise<boolean> {
  const { code } = error;
  if (code === "not_leader" || code === "node_unreachable" || code === "journal_unreachable")
    return true;
  if (isKnownNode()) return true;
  if (directory !== undefined) return existsSync(join(directory, NODE_NAME));
  for (const delay of ASK_DELAYS_MS) {
    await Bun.sleep(delay);
    const response = await ask("/version").catch(() => undefined);
    if (response) return response.headers.has("xs-record");
  }
  return false;
}

/** Whether a write goes in steps, and only to the node that leads: another one refuses it for good. */
function isForLeader({ path, init }: Write): boolean {
  const [route = ""] = path.split("?");
  return (
    /^\/(gc|import)$/.test(route) || (init.method === "DELETE" && route.startsWith("/stream/"))
  );
}

/** Whether a write that failed so may be done, now or soon. */
function mayBeDone(error: XsError): boolean {
  const { code, members } = error;
  if (code === "not_leader" || code === "node_unreachable" || neverConnected(error)) return false;
  return members.outcome !== "none";
}

/** Whether a write that is sent twice is done once, or does no harm. */
function isRepeatable({ path, init }: Write): boolean {
  const [route = ""] = path.split("?");
  if (takesKey(route, init.method)) return true;
  if (/^\/(cas$|-\/(keep|scheduled)\/)/.test(route)) return true;
  // One frame.
  return init.method === "DELETE" && /^\/[0-9a-z]{25}$/i.test(route);
}

/** Whether the key of a request makes the store do it once. */
function takesKey(route: string, method: string): boolean {
  if (route.startsWith("/kv/")) return true;
  return method === "POST" && /^\/(stream|append)(\/|$)/.test(route);
}

function stillFails(error: XsError): XsError {
  const { code, message, members } = error;
  const seconds = TRY_MS / 1000;
  return new XsError(
    code,
    `${message} (nothing was written; this command tried for ${seconds} s)`,
    {
      members,
      cause: error,
    },
  );
}

function unknownOutcome(write: Write, error: XsError): XsError {
  return new XsError(
    error.code,
    `${reason(write, error)}, and whether this was written is not known: ${advice(write)}`,
    { members: { ...error.members, outcome: "unknown" }, cause: error },
  );
}

function reason({ at }: Write, { code }: XsError): string {
  if (code === "no_server") return `the connection to ${at} broke`;
  if (code === "store_closed" || code === "store_failed") return `the server of ${at} stopped`;
  return "the journal of the store did not answer in time";
}

function advice({ path, init }: Write): string {
  const [route = "", query = ""] = path.split("?");
  if (!takesKey(route, init.method)) return "look what is there before you do it again";
  if (route.startsWith("/stream/stream.cross."))
    return "look with  xs ps -a  before you do it again";
  // With --in, the same command names another time.
  if (new URLSearchParams(query).has("at"))
    return "look with  xs scheduled  and  xs last  before you do it again";
  const key = init.headers.get("idempotency-key") ?? init.headers.get("xs-retry-key");
  return `run the same command again with  --idempotency-key ${key}  within 24 hours, which does it once`;
}
