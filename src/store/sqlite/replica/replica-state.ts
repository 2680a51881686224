import type { Database } from "bun:sqlite";
import { XsError } from "../../../core/error.ts";
import type { LeadEffect, NodeEffect } from "../commit/record.ts";

/** Who leads: the node and the run of it that appends, and its epoch. */
export type Leader = Omit<LeadEffect, "kind">;

/** What a node has of its journal. */
interface State {
  /** The name of the journal. */
  readonly journal: string;
  /** The position of the last record that is applied, and its hash in hexadecimal digits. */
  readonly applied: number;
  readonly chain: string;
  /** The newest id that the store has given by then. */
  readonly newest: string;
  /** The size of all records up to there, in bytes. */
  readonly bytes?: number;
  readonly leader: Leader | undefined;
  /** The names of the nodes. */
  readonly nodes: readonly string[];
}

const NO_HASH = "0".repeat(64);

/** How far this directory has the journal of its store: one row of the table `facts`, written with each record. */
export class ReplicaState {
  readonly #set: ReturnType<Database["query"]>;
  readonly #setErased: ReturnType<Database["query"]>;
  #erased: number;
  #state: State;
  /** What the transaction that runs has made of it. */
  #next: State;

  /**
   * @param journal its name
   * @throws XsError `journal_damaged` where the directory belongs to another journal
   */
  constructor(db: Database, journal: string) {
    this.#set = db.query("INSERT OR REPLACE INTO facts (key, value) VALUES ('replica', ?)");
    this.#setErased = db.query("INSERT OR REPLACE INTO facts (key, value) VALUES ('erased', ?)");
    const erased = db.query("SELECT value FROM facts WHERE key = 'erased'").get();
    this.#erased = Number((erased as { value: string } | null)?.value ?? 0);
    const stored = replicaIn(db);
    if (stored && stored.journal !== journal) {
      throw new XsError(
        "journal_damaged",
        `this directory belongs to the journal ${stored.journal}, not to ${journal}: name that one, or an empty directory`,
      );
    }
    const none = { journal, applied: 0, chain: NO_HASH, newest: "", leader: undefined, nodes: [] };
    this.#state = stored ?? none;
    this.#next = this.#state;
  }

  /** The position of the last record that is applied; 0 before the first. */
  get applied(): number {
    return this.#state.applied;
  }

  /** Its hash: 32 bytes. */
  get chain(): Uint8Array {
    return Uint8Array.fromHex(this.#state.chain);
  }

  get newest(): string {
    return this.#state.newest;
  }

  get leader(): Leader | undefined {
    return this.#state.leader;
  }

  /** The size of all records that are applied, in bytes. */
  get bytes(): number {
    return this.#state.bytes ?? 0;
  }

  get nodes(): readonly string[] {
    return this.#state.nodes;
  }

  /** The record up to which this directory has nothing of what was removed. */
  get erased(): number {
    return this.#erased;
  }

  /** Inside a commit of this directory alone. */
  setErased(position: number): void {
    this.#setErased.run(String(position));
    this.#erased = position;
  }

  /** Applies that another process leads. Inside a commit. */
  setLeader({ epoch, node, run }: LeadEffect): void {
    this.#next = { ...this.#next, leader: { epoch, node, run } };
  }

  /** Applies that a node came or went. Inside a commit. */
  setNode({ node, isGone }: NodeEffect): void {
    const others = this.#next.nodes.filter((name) => name !== node);
    this.#next = { ...this.#next, nodes: isGone ? others : [...others, node].sort() };
  }

  /** Writes down that a record is applied. Last inside a commit. @param size of the record, in bytes */
  write(applied: number, chain: Uint8Array, newest: string, size = 0): void {
    const bytes = (this.#next.bytes ?? 0) + size;
    this.#next = { ...this.#next, applied, chain: chain.toHex(), newest, bytes };
    this.#set.run(JSON.stringify(this.#next));
  }

  committed(): void {
    this.#state = this.#next;
  }

  rolledBack(): void {
    this.#next = this.#state;
  }
}

/**
 * The refusal of what only the node that leads does. It names that node, for whoever goes there.
 *
 * @param options what the error has beside that
 */
export function notLeader(
  leader: Leader | undefined,
  problem: string,
  options: ErrorOptions & Partial<Pick<XsError, "headers">> = {},
): XsError {
  const node = leader && leader.node !== "" ? leader.node : null;
  return new XsError("not_leader", problem, { members: { leader: node }, ...options });
}

/** What a database tells of its journal; undefined where it has none. */
export function replicaIn(db: Database): State | undefined {
  const row = db.query("SELECT value FROM facts WHERE key = 'replica'").get();
  return row ? (JSON.parse((row as { value: string }).value) as State) : undefined;
}
