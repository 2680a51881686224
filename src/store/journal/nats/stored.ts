import type { Link } from "./link.ts";
import { askInfo } from "./stream.ts";

const TRY_MS = 1000;
const PAUSE_MS = 100;
/** So often any replica is asked in a row; which one answers is chance. */
const IN_A_ROW = 5;
/** After so many denials each of a few replicas was asked, as good as certainly. */
const DENIALS = 20;
const NOT_FOUND = 404;

/** Which message of a stream: that at a position, or the next with a subject from a position on. */
export type Which =
  | { readonly seq: number }
  | { readonly seq: number; readonly next_by_subj: string }
  | { readonly last_by_subj: string };

/** A message as it is stored. */
export interface Stored {
  readonly seq: number;
  readonly data: Uint8Array;
  readonly headers: (name: string) => string;
  /** When it came, in ms since 1970; only from the leader. */
  readonly ms?: number;
}

/** Asks any replica. Undefined if that one lacks it: it may lag, or be damaged. "late" without an answer. */
export async function fromReplica(
  link: Link,
  stream: string,
  which: Which,
  ms = TRY_MS,
): Promise<Stored | "late" | undefined> {
  const subject = link.apiSubject(`DIRECT.GET.${stream}`);
  const answer = await link.request(subject, JSON.stringify(which), ms);
  if (typeof answer === "string") return "late";
  const code = answer.headers?.code;
  if (code) return code === NOT_FOUND ? undefined : "late";
  return {
    seq: Number(answer.headers?.get("Nats-Sequence")),
    data: answer.data,
    headers: (name) => answer.headers?.get(name) ?? "",
  };
}

/** Asks the leader. Undefined if it lacks it. "late" without an answer. */
export async function fromLeader(
  link: Link,
  stream: string,
  which: Which,
  ms = TRY_MS,
): Promise<Stored | "late" | undefined> {
  interface Answer {
    message?: { seq: number; data?: string; hdrs?: string; time?: string };
  }
  const answer = await link.api<Answer>(`STREAM.MSG.GET.${stream}`, which, ms);
  if (!answer || answer.error?.code === 503) return "late";
  if (!answer.message) return undefined;
  const { seq, data = "", hdrs = "", time = "" } = answer.message;
  const head = Buffer.from(hdrs, "base64").toString();
  return {
    seq,
    ms: Date.parse(time),
    data: new Uint8Array(Buffer.from(data, "base64")),
    headers: (name) =>
      head
        .split("\r\n")
        .find((line) => line.startsWith(`${name}:`))
        ?.slice(name.length + 1)
        .trim() ?? "",
  };
}

/**
 * The message at a position, from whichever replica has it, asked for `ms`. Undefined if no replica had it, all the time; "trimmed" if
 * it was removed from the start; "late" if nobody answered.
 */
export async function findMessage(
  link: Link,
  stream: string,
  seq: number,
  ms: number,
  isOver: () => boolean = () => false,
): Promise<Uint8Array | "trimmed" | "late" | undefined> {
  const end = performance.now() + ms;
  let denials = 0;
  let isLacking = false;
  for (;;) {
    const left = Math.max(1, Math.min(TRY_MS, end - performance.now()));
    const found = await fromReplica(link, stream, { seq }, left);
    if (found && found !== "late") return found.data;
    if (found === undefined && ++denials % IN_A_ROW !== 0 && !isOver()) continue;
    const answer = await askInfo(link, stream, left);
    const info = answer === "gone" ? undefined : answer;
    if (info && info.state.first_seq > seq) return "trimmed";
    const led = await fromLeader(link, stream, { seq }, left);
    if (led && led !== "late") return led.data;
    // Only who leads knows that it is to be there; a replica may be behind.
    if (led === undefined && info && info.state.last_seq >= seq) isLacking = true;
    if (performance.now() >= end || isOver()) {
      return isLacking && denials >= DENIALS ? undefined : "late";
    }
    await Bun.sleep(PAUSE_MS);
  }
}
