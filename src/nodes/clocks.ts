import type { Messages } from "../store/journal/journal.ts";
import { decode, encode, type Reply, valueIn } from "./operations.ts";

/** A clock is wrong that differs more than this from those of the other nodes, in ms. */
const MAX_APART_MS = 60_000;

/** What a probe is answered with. */
export interface ProbeAnswer {
  readonly run: string;
  /** The clock of that node, in ms; older ones do not tell. */
  readonly now?: number;
}

/**
 * By how much the clock of a node is ahead of most nodes that answer, in ms; undefined where it is right. The newest id
 * of the store tells nothing: if the node that led was an hour ahead, all others would seem to be behind.
 *
 * @param others the names of the other nodes
 * @param ms how long they may think
 */
export async function clockFault(
  messages: Messages,
  others: readonly string[],
  now: () => number,
  ms: number,
): Promise<number | undefined> {
  const ahead = await Promise.all(others.map((node) => aheadOf(messages, node, now, ms)));
  const known = [0, ...ahead.filter((each) => each !== undefined)].sort((a, b) => a - b);
  // Of an even number the mean of the middle two: of two nodes that differ, either may be wrong.
  const middle = (known.length - 1) / 2;
  const [low = 0, high = 0] = [known[Math.floor(middle)], known[Math.ceil(middle)]];
  const apart = Math.round((low + high) / 2);
  return Math.abs(apart) > MAX_APART_MS ? apart : undefined;
}

async function aheadOf(
  messages: Messages,
  node: string,
  now: () => number,
  ms: number,
): Promise<number | undefined> {
  const asked = now();
  try {
    const reply = decode<Reply>(await messages.ask(node, encode({ do: "probe" }), ms));
    const there = (valueIn(reply).value as ProbeAnswer).now;
    return there === undefined ? undefined : (asked + now()) / 2 - there;
  } catch {
    return undefined;
  }
}
