import { XsError } from "../core/error.ts";
import type { Journal, Messages } from "../store/journal/journal.ts";
import type { Replica } from "../store/sqlite/replica/replica.ts";
import { clockFault, type ProbeAnswer } from "./clocks.ts";
import { decode, encode, type Reply, valueIn } from "./operations.ts";
import type { NodeTiming } from "./timing.ts";

/** So many probes in a row fail before a node stands. */
const PROBES = 3;
/** So often a node with a wrong clock leaves it to the others to stand; then it does, as a store without leader is worse. */
const LEFT_TO_OTHERS = 10;

/** What an election uses. */
export interface ElectionUses {
  readonly journal: Journal;
  readonly messages: Messages;
  readonly replica: Replica;
  readonly now: () => number;
  readonly timing: NodeTiming;
}

/**
 * Sees to it that some node leads. Safety does not rest on it: of all nodes that believe that they lead, one gets its
 * record into the next place of the journal.
 */
export class Election {
  readonly #uses: ElectionUses;
  #stopped = false;
  /** How often it has left it to others to stand. */
  #left = 0;
  #wake: () => void = () => {};
  /** That its clock is wrong, or that the journal has lost records. */
  #clock: string | undefined;
  #lost: string | undefined;

  constructor(uses: ElectionUses) {
    this.#uses = uses;
  }

  /** Why this node would rather not lead; undefined where there is no reason. */
  get problem(): string | undefined {
    return this.#lost ?? this.#clock;
  }

  async run(): Promise<void> {
    const { replica } = this.#uses;
    let missed = 0;
    while (!this.#stopped) {
      const { leader } = replica.state;
      const { node, run } = replica.options.self;
      if (replica.epoch !== undefined) {
        missed = 0;
        this.#lost = undefined;
      } else if (!leader || leader.node === "" || (leader.node === node && leader.run !== run)) {
        // Nobody, or a run of this node that has ended.
        await this.#stand();
      } else if (await this.#lives(leader.node, leader.run)) {
        missed = 0;
        this.#lost = undefined;
      } else if (++missed >= PROBES) {
        await this.#stand();
        missed = 0;
      }
      await this.#rest();
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  async #lives(node: string, run: string): Promise<boolean> {
    try {
      const { messages, timing } = this.#uses;
      const answer = await messages.ask(node, encode({ do: "probe" }), timing.probeMs);
      const { value } = valueIn(decode<Reply>(answer));
      return (value as ProbeAnswer).run === run;
    } catch {
      return false;
    }
  }

  /** Whether the clock of this node is wrong, so that another one is to stand: frames would expire by it. */
  async #leavesItToOthers(): Promise<boolean> {
    const { messages, replica, now, timing } = this.#uses;
    const { self } = replica.options;
    const others = replica.state.nodes.filter((node) => node !== self.node);
    const ahead = await clockFault(messages, others, now, timing.probeMs);
    if (ahead === undefined) {
      this.#clock = undefined;
      this.#left = 0;
      return false;
    }
    const seconds = Math.round(Math.abs(ahead) / 1000);
    const way = ahead > 0 ? "ahead of" : "behind";
    this.#clock = `the clock is ${seconds} s ${way} those of the other nodes: set it right`;
    return ++this.#left <= LEFT_TO_OTHERS;
  }

  /** Which other node has most of the journal; undefined where none answers. */
  async #mostOfOthers(): Promise<{ readonly node: string; readonly record: number } | undefined> {
    const { messages, replica, timing } = this.#uses;
    const others = replica.state.nodes.filter((node) => node !== replica.options.self.node);
    const question = encode({ do: "probe" });
    const asked = await Promise.allSettled(
      others.map(async (node) => {
        const answer = await messages.ask(node, question, timing.probeMs);
        return { node, record: decode<Reply>(answer).record };
      }),
    );
    const heard = asked.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    return heard.sort((a, b) => b.record - a.record)[0];
  }

  /** Stands, if this node has every record and a clock that is right. */
  async #stand(): Promise<void> {
    const { journal, replica } = this.#uses;
    const { leader } = replica.state;
    const [leaves, most] = await Promise.all([this.#leavesItToOthers(), this.#mostOfOthers()]);
    if (leaves) return;
    try {
      // After the others were asked: what they have was in the journal by then.
      const { last } = await journal.extent();
      this.#lost =
        most && most.record > last
          ? `the node ${most.node} has record ${most.record}, and the journal ends at ${last}: a server of NATS that has lost records leads it, so nothing is written; see  xs nodes check`
          : undefined;
      if (this.#lost) return;
      // A node that has just begun hears of the one that leads meanwhile.
      if (replica.state.leader !== leader) return;
      if (replica.state.applied >= last) await replica.commits.stand();
    } catch (error) {
      if (!(error instanceof XsError)) throw error;
    }
  }

  /** Waits for the next probe, or until a record comes that may change who leads. */
  async #rest(): Promise<void> {
    const { replica, timing } = this.#uses;
    const { leader } = replica.state;
    const until = performance.now() + timing.probeEveryMs * (0.75 + Math.random() / 2);
    while (!this.#stopped && replica.state.leader === leader) {
      const left = until - performance.now();
      if (left <= 0) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, left);
      await Promise.race([promise, replica.commits.moved.wait()]);
      clearTimeout(timer);
    }
  }
}
