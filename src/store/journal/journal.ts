import type { XsError } from "../../core/error.ts";

/**
 * Where the commits of a replicated store become durable, in one order. Each commit is one record; everything that a
 * store knows can be built from the records. A store on one machine has no journal: its write-ahead log does the same.
 */
export interface Journal {
  /** The size of a record up to which `append` is at its best, in bytes. Larger ones are taken too. */
  readonly maxRecord: number;
  /** How large the files are in which its servers keep records, in bytes: a file goes when all in it is removed. */
  readonly fileBytes?: number;
  /**
   * Puts a record behind the one at position `expected` (0: the first). Resolves to its position once a majority has
   * synced it. Positions rise; a large record may take several. To put the same bytes at the same place again succeeds,
   * and gives the same position.
   *
   * @throws Fenced if another record is there
   * @throws XsError `journal_unreachable` after a deadline: the outcome is unknown, until `append` of the same bytes,
   *   `get` or `follow` tells
   */
  append(expected: number, record: Uint8Array): Promise<number>;
  /**
   * Calls `each` with every record behind the one at position `after`, in order, none left out, one at a time, and goes
   * on with those to come. While the journal is out of reach it waits. A record that a replica has lost is fetched from
   * another one.
   *
   * @param each what it throws ends this, and is what `ended` rejects with
   */
  follow(
    after: number,
    each: (position: number, record: Uint8Array) => Promise<void> | void,
  ): Following;
  /** The record at a position; undefined where there is none. @throws XsError `journal_unreachable`, `journal_damaged` */
  get(position: number): Promise<Uint8Array | undefined>;
  /**
   * The positions of the first record that is still there and of the last; the last is not behind what was there when
   * the call began, as far as a majority knows. A server that a majority has just left may answer with an older one: only
   * `append` proves that nothing came since. Without records, `first` is `last` + 1.
   *
   * @throws XsError `journal_unreachable`; `journal_damaged` if the journal is gone
   */
  extent(): Promise<{ readonly first: number; readonly last: number }>;
  /** Removes the records up to a position, that one included. */
  trim(upTo: number): Promise<void>;
  close(): Promise<void>;
}

/** A journal that is followed. */
export interface Following {
  /**
   * Resolves after `stop`. Rejects with XsError `journal_damaged`, naming the position, if a record is gone or differs
   * on every replica; `journal_trimmed` if the next record was removed by `trim`; or with what `each` threw.
   */
  readonly ended: Promise<void>;
  /** Why records have not come for long, though it goes on trying; undefined while it has all that there is. */
  readonly problem?: XsError | undefined;
  stop(): void;
}

/** Another record stands where one was to be appended. */
export class Fenced extends Error {
  static override readonly name = "Fenced";
  /** No record stands there: the journal, as far as it says, ends before that place. */
  readonly isBehind: boolean;

  constructor(message: string, isBehind = false) {
    super(message);
    this.isBehind = isBehind;
  }
}

/** Large content and snapshots, by name, on a majority of machines. */
export interface Blobs {
  /** Stores bytes under a name with flat memory, in place of what may be there. Resolves once a majority has synced it. */
  put(name: string, bytes: AsyncIterable<Uint8Array>): Promise<void>;
  /** Undefined where there is none. The stream fails if it is damaged or cut off. @throws XsError `journal_unreachable` */
  open(name: string): Promise<ReadableStream<Uint8Array> | undefined>;
  delete(name: string): Promise<void>;
  /** Removes what puts that were cut off have left, if they got no further since a time, in ms since 1970. */
  sweep?(before: number): Promise<void>;
  /** Sees to it that nothing of what was deleted is left in a file of its servers: it writes all others again. */
  erase?(): Promise<void>;
  /** All with a prefix. */
  list(prefix: string): AsyncIterable<BlobInfo>;
}

export interface BlobInfo {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** When it was put, in ms since 1970. */
  readonly ms: number;
}

/** How the nodes of a store speak with each other. Bodies may be of any size up to 64 MB. */
export interface Messages {
  /**
   * Asks the node with a name. Resolves to its answer.
   *
   * @throws XsError `node_unreachable`: nobody took it, so that nothing was done
   * @throws XsError `journal_unreachable`: no answer came within `ms`, and whether it was done is unknown
   */
  ask(node: string, body: Uint8Array, ms: number): Promise<Uint8Array>;
  /** Answers what is asked of a node, from now on. It must not reject. Returns what ends this. */
  answer(node: string, answer: (body: Uint8Array) => Promise<Uint8Array>): () => void;
  /** Sends a body to every node, this one included. It may be lost. */
  tell(body: Uint8Array): void;
  /** Receives what is told. Returns what ends this. */
  hear(each: (body: Uint8Array) => void): () => void;
}

/** What a replicated store stands on. */
export interface Cluster {
  readonly journal: Journal;
  readonly blobs: Blobs;
  readonly messages: Messages;
  /** Why it cannot be used yet, where it is to come later. */
  readonly problem?: XsError | undefined;
  /** On how many machines each record is. @throws XsError `journal_unreachable` */
  replicas?(): Promise<number>;
  /** What the promises stand on, each with whether it is so. @throws XsError `journal_unreachable` */
  check?(): Promise<Finding[]>;
  close(): Promise<void>;
}

/** One thing that the promises of a replicated store stand on. */
export interface Finding {
  readonly ok: boolean;
  /** As a sentence for whoever runs it. */
  readonly what: string;
  /** What to do, where it is not so. */
  readonly howToMend?: string;
  /** A server is down, as one of several may be. */
  readonly isDown?: true;
  /** Of a server that has little room: nothing is lost, and soon nothing is written. */
  readonly isFull?: boolean;
}
