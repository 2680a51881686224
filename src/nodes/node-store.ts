import { XsError } from "../core/error.ts";
import { over } from "../lib/over.ts";
import type { Messages } from "../store/journal/journal.ts";
import type { Records } from "../store/records.ts";
import type { SqliteStore } from "../store/sqlite/engine.ts";
import type { Replica } from "../store/sqlite/replica/replica.ts";
import { notLeader } from "../store/sqlite/replica/replica-state.ts";
import type { OpenStore, Store } from "../store/store.ts";
import type { AppendCondition, AppendRequest, Change, TakenContent } from "../store/types.ts";
import type { FedContent } from "./fed-content.ts";
import { Forwarding, LeadPassed } from "./forwarding.ts";
import { type Operation, type Question, valueIn } from "./operations.ts";
import { ignoreUnreachable, type SpentBlobs } from "./spent-blobs.ts";
import type { NodeTiming } from "./timing.ts";

/** The wait before large content is put out again, in ms. */
const BLOB_RETRY_MS = 500;

/** What the store of a node stands on. */
export interface NodeStoreUses {
  readonly store: SqliteStore;
  readonly replica: Replica;
  readonly messages: Messages;
  readonly timing: NodeTiming;
  /** As that of the cluster. */
  problem?(): XsError | undefined;
  readonly spent: SpentBlobs;
  readonly fed: FedContent;
}

/** Sends writes to the node that leads, this one or another. */
export class Router implements Records {
  readonly #uses: NodeStoreUses;
  readonly #forwarding: Forwarding;
  /** How many writes other nodes were asked for. */
  forwarded = 0;
  /** The newest record that the node that leads has told of. */
  #heard = 0;

  constructor(uses: NodeStoreUses) {
    this.#uses = uses;
    const { replica, messages, timing } = uses;
    this.#forwarding = new Forwarding({
      replica,
      messages,
      answerMs: timing.answerMs,
      reached: async (record) => {
        this.#heard = Math.max(this.#heard, record);
        await this.reached(record, timing.reachMs).catch(() => {});
      },
    });
  }

  get record(): number {
    return Math.max(this.#uses.replica.state.applied, this.#heard);
  }

  /**
   * Does a write here if this node leads, and asks the one that does otherwise. Resolves when this node has applied it.
   *
   * @throws XsError `not_leader`: no node took it in time; `journal_unreachable`: the outcome may be unknown
   */
  write(operation: Operation): Promise<unknown> {
    return this.onLeader(operation, () => perform(this.#uses.store, operation));
  }

  /**
   * Has the node that leads do something.
   *
   * @param here does it, where that is this node
   * @param ms how long to look for one
   * @throws XsError as `write`
   */
  async onLeader(
    question: Question,
    here: () => Promise<unknown>,
    ms = this.#uses.timing.routeMs,
  ): Promise<unknown> {
    const { replica, timing } = this.#uses;
    const deadline = performance.now() + ms;
    for (;;) {
      try {
        if (replica.epoch !== undefined) return await here();
        return await this.#ask(question, ms < timing.routeMs ? ms : timing.answerMs);
      } catch (error) {
        if (!passes(error, question)) throw error;
        const left = deadline - performance.now();
        if (left <= 0) throw notFound(replica, error);
        await Promise.race([replica.commits.moved.wait(), Bun.sleep(Math.min(left, 100))]);
      }
    }
  }

  /**
   * Waits until this node has applied a record.
   *
   * @param ms at most
   * @throws XsError `not_reached`
   */
  async reached(record: number, ms: number): Promise<void> {
    const { state, commits } = this.#uses.replica;
    const deadline = performance.now() + ms;
    while (state.applied < record) {
      const left = deadline - performance.now();
      if (left <= 0) {
        throw new XsError(
          "not_reached",
          `this node has the records up to ${state.applied}, and not yet ${record}: ask again, or another node; see  xs nodes`,
        );
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, left);
      await Promise.race([commits.moved.wait(), promise]);
      clearTimeout(timer);
    }
  }

  async #ask(question: Question, ms: number): Promise<unknown> {
    const { leader } = this.#uses.replica.state;
    const problem = this.#uses.problem?.();
    if (problem) throw problem;
    if (!leader || leader.node === "") {
      throw notLeader(leader, "no node leads yet: nothing can be written");
    }
    if (question.do === "inquire") {
      return valueIn(await this.#forwarding.ask(leader, question, ms)).value;
    }
    this.forwarded++;
    return valueIn(await this.#forwarding.write(leader, question)).value;
  }
}

/** Whether something may be asked for again: it was not done, has a key with which it is done once, or does nothing. */
function passes(error: unknown, question: Question): error is XsError {
  if (!(error instanceof XsError)) return false;
  if (error.code === "not_leader" || error.code === "node_unreachable") return true;
  const hasKey = "condition" in question && question.condition.idempotencyKey !== undefined;
  return error instanceof LeadPassed && (hasKey || question.do === "inquire");
}

function notFound(replica: Replica, cause: XsError): XsError {
  const { leader } = replica.state;
  const who = leader && leader.node !== "" ? `the node ${leader.node} led last` : "none has led";
  return notLeader(
    leader,
    `no node leads at the moment (${who}): nothing was written; try again, or look at  xs nodes`,
    { cause, headers: { "retry-after": "1" } },
  );
}

/** The refusal of what only the node that leads can do. */
export function onlyOnLeader({ state: { leader } }: Replica, what: string): XsError {
  const who = leader?.node ? `on the node ${leader.node}, which leads` : "and none leads yet";
  return notLeader(
    leader,
    `${what} works on the node that leads alone: ${leader?.node ? `ask for it ${who}` : `${who}: try again`}`,
  );
}

/** Does a write on the store of the node that leads. */
export async function perform(store: SqliteStore, operation: Operation): Promise<unknown> {
  switch (operation.do) {
    case "apply":
      for (const { content } of appendsIn(operation.changes)) store.content.pin(content);
      return store.apply(operation.changes, operation.condition);
    case "remove":
      return store.remove(operation.id);
    case "put": {
      const { key, type, value, condition } = operation;
      return store.kv.put(key, type, value, condition);
    }
    case "delete":
      return (await store.kv.delete(operation.key, operation.condition)) ?? null;
    case "unschedule":
      return store.schedules.remove(operation.id);
    case "setRule":
      return store.upkeep.rules.set(operation.rule);
    case "endRule":
      return store.upkeep.rules.end(operation.pattern);
    case "keep":
      for (const content of operation.contents) store.content.pin(content);
      return store.content.keep(...operation.contents);
    case "join":
    case "forgetNode": {
      const { node } = operation;
      const isGone = operation.do === "forgetNode" && { isGone: true as const };
      return store.replica?.commits.write((transaction) =>
        transaction.add({ kind: "node", node, ...isGone }),
      );
    }
    default:
      throw new XsError(
        "bad_request",
        `this node, which leads, is older than the one that asks, and does not know "${(operation as Operation).do}": upgrade it, too`,
      );
  }
}

function appendsIn(changes: readonly Change[]): AppendRequest[] {
  return changes.flatMap((change) => ("append" in change ? [change.append] : []));
}

/**
 * The store of a node. It reads in its own directory; what it writes goes to the node that leads.
 *
 * @param epoch only in this epoch of this node: another is refused, and nothing goes to other nodes
 */
export function nodeStore(uses: NodeStoreUses, router: Router, epoch?: number): OpenStore {
  const { store, replica, spent, fed } = uses;

  /** @throws XsError `not_leader` */
  function checkLeads(what: string): void {
    if (replica.epoch === undefined) throw onlyOnLeader(replica, what);
  }

  /** Puts large content that this node has taken where the other nodes find it. */
  async function inBlob(content: TakenContent): Promise<TakenContent> {
    return (await store.content.remote?.put(content)) ?? content;
  }

  async function withBlobs(changes: readonly Change[]): Promise<Change[]> {
    return Promise.all(
      changes.map(async (change) => {
        if (!("append" in change) || !change.append.content) return change;
        const content = await inBlob(change.append.content);
        return { append: { ...change.append, content } };
      }),
    );
  }

  /** The same. What belongs to an epoch tries as long as that lasts. */
  async function inBlobs(changes: readonly Change[]): Promise<Change[]> {
    for (;;) {
      try {
        return await withBlobs(changes);
      } catch (error) {
        const passes = error instanceof XsError && error.code === "journal_unreachable";
        if (epoch === undefined || !passes) throw error;
      }
      if (uses.replica.epoch !== epoch)
        throw new XsError("not_leader", `the epoch ${epoch} of this node is over`);
      await Bun.sleep(BLOB_RETRY_MS);
    }
  }

  /** Runs a write and then lets go of content that this node took for it. */
  async function holding<T>(
    contents: readonly (TakenContent | null)[],
    run: () => Promise<T>,
  ): Promise<T> {
    try {
      return await run();
    } finally {
      for (const content of contents) store.content.unpin(content);
    }
  }

  async function apply(
    changes: readonly Change[],
    condition: AppendCondition = {},
  ): Promise<string[]> {
    const requests = appendsIn(changes);
    const contents = requests.map(({ content }) => content);
    const isLarge = contents.some((content) => content && !content.bytes && !content.known);
    if (requests.some(({ growing }) => growing)) return noting(requests, changes, condition);
    return holding(contents, async () => {
      if (!isLarge) return write(changes, condition);
      try {
        return await write(await inBlobs(changes), condition);
      } catch (error) {
        if (!(error instanceof XsError) || error.code !== "content_not_found") throw error;
        // The same content was there already, and was freed meanwhile.
        return write(await inBlobs(changes), condition);
      }
    });
  }

  /** The same for what begins chunked content, or ends it; its pieces are small. */
  async function noting(
    requests: readonly AppendRequest[],
    changes: readonly Change[],
    condition: AppendCondition,
  ): Promise<string[]> {
    let lines: string[] | undefined;
    try {
      lines = await write(changes, condition);
      return lines;
    } finally {
      fed.note(requests, lines);
    }
  }

  async function write(changes: readonly Change[], condition: AppendCondition): Promise<string[]> {
    if (epoch === undefined) {
      return (await router.write({ do: "apply", changes, condition })) as string[];
    }
    for (const { content } of appendsIn(changes)) store.content.pin(content);
    return store.apply(changes, { ...condition, epoch });
  }

  const overrides = {
    apply,
    async append(request, condition) {
      const [line = ""] = await apply([{ append: request }], condition);
      return line;
    },
    async remove(id) {
      return (await router.write({ do: "remove", id })) as boolean;
    },
    kv: over(store.kv, {
      async put(key, type, value, condition = {}) {
        return (await router.write({ do: "put", key, type, value, condition })) as string;
      },
      async delete(key, condition = {}) {
        const rev = await router.write({ do: "delete", key, condition });
        return (rev as string | null) ?? undefined;
      },
    }),
    content: over(store.content, {
      async keep(...contents) {
        await holding(contents, async () => {
          const ready = await Promise.all(contents.map(inBlob));
          await router.write({ do: "keep", contents: ready });
        });
      },
    }),
    schedules: over(store.schedules, {
      async remove(id) {
        return (await router.write({ do: "unschedule", id })) as boolean;
      },
    }),
    beginImport(options) {
      checkLeads("an import");
      return store.beginImport(options);
    },
    upkeep: over(store.upkeep, {
      async collect(dryRun) {
        if (!dryRun) checkLeads("gc");
        const collected = await store.upkeep.collect(dryRun);
        if (!dryRun) {
          await spent.idle();
          await spent.sweep(Date.now()).catch(ignoreUnreachable);
        }
        return collected;
      },
      async forgetRemovals(age, dryRun) {
        if (!dryRun) checkLeads("gc");
        return store.upkeep.forgetRemovals(age, dryRun);
      },
      async *forget(request) {
        if (!request.dryRun) checkLeads("forgetting topics");
        yield* store.upkeep.forget(request);
      },
      rules: over(store.upkeep.rules, {
        async set(rule) {
          await router.write({ do: "setRule", rule });
        },
        async end(pattern) {
          return (await router.write({ do: "endRule", pattern })) as boolean;
        },
      }),
    }),
  } satisfies Partial<Store>;
  return over<OpenStore>(store, overrides);
}
