import { XsError } from "../core/error.ts";
import { nextTurn } from "../lib/next-turn.ts";
import type { Messages } from "../store/journal/journal.ts";
import type { Replica } from "../store/sqlite/replica/replica.ts";
import type { Leader } from "../store/sqlite/replica/replica-state.ts";
import { decode, encode, encodeSeveral, type Question, type Reply, valueIn } from "./operations.ts";

/** How long the answer of a node that leads no more may be on its way, in ms. */
const LATE_MS = 500;
/** Questions go together up to this size, in bytes: a large one is not to hold up the others. */
const TOGETHER_BYTES = 262_144;

/** What a question to the node that leads stands on. */
interface Uses {
  readonly replica: Replica;
  readonly messages: Messages;
  /** How long the node that leads may think about a write, in ms. */
  readonly answerMs: number;
  /** Waits until this node has a record of which that node has told. */
  reached(record: number): Promise<void>;
}

/** A question that waits for its reply. */
interface Asked extends PromiseWithResolvers<Reply> {
  readonly question: Uint8Array;
}

/** Questions that go to a node in the next message. */
interface Batch {
  readonly leader: Leader;
  readonly asked: Asked[];
  bytes: number;
}

/** Asks the node that leads. The writes of one turn of the event loop go in one message, and their replies come in one. */
export class Forwarding {
  readonly #uses: Uses;
  #open: Batch | undefined;
  /** Who waits for the node that leads. */
  #waiting: { readonly leader: Leader; readonly rejects: Set<(error: Error) => void> } | undefined;

  constructor(uses: Uses) {
    this.#uses = uses;
  }

  /** Asks for something else, in a message of its own. @throws XsError as {@link write} */
  ask(leader: Leader, question: Question, ms: number): Promise<Reply> {
    return this.#send(leader, encode(question), ms);
  }

  /**
   * Asks for a write.
   *
   * @throws XsError `node_unreachable`: nothing was done; `journal_unreachable`: the outcome is unknown
   * @throws LeadPassed where that is because the node leads no more
   */
  write(leader: Leader, question: Question): Promise<Reply> {
    const asked = { question: encode(question), ...Promise.withResolvers<Reply>() };
    const size = asked.question.length;
    const open = this.#open;
    if (open && open.leader === leader && open.bytes + size <= TOGETHER_BYTES) {
      open.bytes += size;
      open.asked.push(asked);
    } else {
      const batch = { leader, asked: [asked], bytes: size };
      this.#open = batch;
      void nextTurn().then(() => this.#flush(batch));
    }
    return asked.promise;
  }

  async #flush(batch: Batch): Promise<void> {
    if (this.#open === batch) this.#open = undefined;
    const { leader, asked } = batch;
    const questions = asked.map(({ question }) => question);
    const [only] = questions;
    try {
      const body = only && questions.length === 1 ? only : encodeSeveral(questions);
      const reply = await this.#send(leader, body, this.#uses.answerMs);
      const replies = body === only ? [reply] : (valueIn(reply).value as Reply[]);
      for (const [i, { resolve }] of asked.entries()) resolve(replies[i] as Reply);
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }

  async #send(leader: Leader, body: Uint8Array, ms: number): Promise<Reply> {
    const { node } = leader;
    const answer = this.#uses.messages.ask(node, body, ms).catch((error: Error) => {
      throw noAnswer(node, error);
    });
    const passed = Promise.withResolvers<never>();
    const rejects = this.#rejectsOf(leader);
    rejects.add(passed.reject);
    try {
      const reply = decode<Reply>(await Promise.race([answer, passed.promise]));
      // A refusal too: it may name a frame, which the next read looks for.
      await this.#uses.reached(reply.record);
      return reply;
    } finally {
      rejects.delete(passed.reject);
    }
  }

  #rejectsOf(leader: Leader): Set<(error: Error) => void> {
    if (this.#waiting?.leader === leader) return this.#waiting.rejects;
    const rejects = new Set<(error: Error) => void>();
    this.#waiting = { leader, rejects };
    void this.#whileItLeads(leader, rejects);
    return rejects;
  }

  /** Rejects what waits once another node leads, or none: one that was killed never answers. */
  async #whileItLeads(leader: Leader, rejects: ReadonlySet<(error: Error) => void>): Promise<void> {
    const { state, commits } = this.#uses.replica;
    while (state.leader === leader) await commits.moved.wait();
    if (this.#waiting?.rejects === rejects) this.#waiting = undefined;
    await Bun.sleep(LATE_MS);
    for (const reject of rejects) reject(leadPassed(leader));
  }
}

/** The node that was asked leads no more, and has not answered. */
export class LeadPassed extends XsError {}

function leadPassed({ node }: Leader): LeadPassed {
  return new LeadPassed(
    "journal_unreachable",
    `the node ${node}, which led, has not answered: whether this was written is not known; read before you write it again, or send it with an Idempotency-Key`,
    { members: { outcome: "unknown" } },
  );
}

function noAnswer(node: string, cause: Error): Error {
  if (!(cause instanceof XsError) || cause.code !== "journal_unreachable") return cause;
  return new XsError(
    "journal_unreachable",
    `no answer came from the node ${node}, which leads (${cause.message}): whether this was written is not known; read before you write it again, or send it with an Idempotency-Key`,
    { members: { outcome: "unknown" }, cause },
  );
}
