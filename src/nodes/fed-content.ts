import { XsError } from "../core/error.ts";
import { idInLine } from "../core/frame.ts";
import type { Messages } from "../store/journal/journal.ts";
import type { SqliteStore } from "../store/sqlite/engine.ts";
import type { Replica } from "../store/sqlite/replica/replica.ts";
import type { AppendRequest } from "../store/types.ts";
import { decode, encode, type Reply, valueIn } from "./operations.ts";
import type { NodeTiming } from "./timing.ts";

/** So many looks in a row find no node that feeds a content before it ends: its first chunk may just be on its way. */
const LOOKS = 3;
/** The same where a node does not answer, which may be the one. */
const LOOKS_WITHOUT_ANSWER = 30;

/** What {@link FedContent} uses. */
interface FedUses {
  readonly store: SqliteStore;
  readonly replica: Replica;
  readonly messages: Messages;
  readonly timing: NodeTiming;
}

/**
 * Chunked content that grows through the nodes. Each node knows what comes in through it; the node that leads asks them
 * all, and ends what no living node feeds any more: a node that was killed cannot say that no more comes.
 */
export class FedContent {
  readonly #uses: FedUses;
  /** The first frames of what comes in through this node. */
  readonly #here = new Set<string>();
  /** How often nobody fed a content, by its first frame. */
  readonly #missed = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(uses: FedUses) {
    this.#uses = uses;
    this.#next();
  }

  /** The first frames of what comes in through this node. */
  get here(): readonly string[] {
    return [...this.#here];
  }

  /** Notes an append of this node. @param lines undefined where it failed */
  note(requests: readonly AppendRequest[], lines: readonly string[] | undefined): void {
    for (const [at, { growing }] of requests.entries()) {
      const line = lines?.[at];
      if (growing === "begins" && line !== undefined) this.#here.add(idInLine(line));
      // Also if it failed: no more comes from here.
      else if (typeof growing === "object") this.#here.delete(growing.ended);
    }
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #next(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      void this.#look()
        .catch((error: Error) => {
          // Another node leads, or the journal is out of reach: it is tried again.
          if (!(error instanceof XsError)) this.#uses.store.stopFor(error);
        })
        .then(() => this.#next());
    }, 4 * this.#uses.timing.probeEveryMs);
  }

  async #look(): Promise<void> {
    const { store, replica } = this.#uses;
    const growing = replica.epoch === undefined ? [] : store.growing();
    if (growing.length === 0) {
      this.#missed.clear();
      return;
    }
    const { self } = replica.options;
    const others = replica.state.nodes.filter((node) => node !== self.node);
    const answers = await Promise.all(others.map((node) => this.#fedBy(node)));
    const fed = new Set([...this.#here, ...answers.flatMap((ids) => ids ?? [])]);
    const looks = answers.includes(undefined) ? LOOKS_WITHOUT_ANSWER : LOOKS;
    const over: string[] = [];
    for (const id of growing) {
      const missed = fed.has(id) ? 0 : (this.#missed.get(id) ?? 0) + 1;
      this.#missed.set(id, missed);
      if (missed >= looks) over.push(id);
    }
    if (over.length > 0) await store.endGrowing(over);
  }

  /** What comes in through another node; undefined where it does not answer. */
  async #fedBy(node: string): Promise<readonly string[] | undefined> {
    const { messages, timing } = this.#uses;
    try {
      const answer = await messages.ask(node, encode({ do: "feeds" }), timing.probeMs);
      return valueIn(decode<Reply>(answer)).value as string[];
    } catch {
      return undefined;
    }
  }
}
