import { XsError } from "../core/error.ts";
import type { Blobs, Cluster, Following, Journal, Messages } from "../store/journal/journal.ts";

/** The wait before the next attempt to connect, in ms. */
const RETRY_MS = 1000;
/** What a record may have until the journal says it, in bytes. */
const ASSUMED_MAX_RECORD = 1024 * 1024;

/**
 * A cluster that may be out of reach for now: it connects in the background, as often as it takes. Until then what asks
 * it is `journal_unreachable`, and what follows and answers waits.
 */
export class LateCluster implements Cluster {
  readonly journal: Journal;
  readonly blobs: Blobs;
  readonly messages: Messages;
  /** Resolves to the cluster. Rejects where it must not be used: what `connect` rejects with, unless it is unreachable. */
  readonly connected: Promise<Cluster>;
  readonly #connect: () => Promise<Cluster>;
  #cluster: Cluster | undefined;
  /** Why it is out of reach. */
  #problem: XsError | undefined;
  readonly #closed = Promise.withResolvers<undefined>();
  #isClosed = false;

  /** @param connect resolves to what may be used; rejects with `journal_unreachable` where it is to be tried again */
  constructor(connect: () => Promise<Cluster>) {
    this.#connect = connect;
    this.connected = this.#connectOn();
    this.connected.catch(() => {});
    this.journal = this.#makeJournal();
    this.blobs = this.#makeBlobs();
    this.messages = this.#makeMessages();
  }

  /** Why it cannot be used yet; undefined once it can. */
  get problem(): XsError | undefined {
    if (this.#cluster) return undefined;
    const why = this.#problem?.message ?? "it has not answered yet";
    return new XsError(
      "journal_unreachable",
      `the journal is out of reach (${why}): nothing was written; reads go on`,
      { members: { outcome: "none" } },
    );
  }

  async replicas(): Promise<number> {
    return (await this.#now().replicas?.()) ?? 0;
  }

  async check(): Promise<Awaited<ReturnType<NonNullable<Cluster["check"]>>>> {
    return (await this.#now().check?.()) ?? [];
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#closed.resolve(undefined);
    await this.#cluster?.close();
  }

  async #connectOn(): Promise<Cluster> {
    for (;;) {
      try {
        const cluster = await this.#connect();
        this.#cluster = cluster;
        if (this.#isClosed) await cluster.close();
        return cluster;
      } catch (error) {
        if (!(error instanceof XsError) || error.code !== "journal_unreachable") throw error;
        this.#problem = error;
      }
      await Promise.race([Bun.sleep(RETRY_MS), this.#closed.promise]);
      if (this.#isClosed) throw new XsError("store_closed", "the store is closed");
    }
  }

  /** @throws XsError `journal_unreachable` */
  #now(): Cluster {
    if (this.#cluster) return this.#cluster;
    throw this.problem;
  }

  #makeJournal(): Journal {
    const now = () => this.#now().journal;
    const { connected, closed } = { connected: this.connected, closed: this.#closed.promise };
    const current = () => this.#cluster;
    return {
      get maxRecord() {
        return current()?.journal.maxRecord ?? ASSUMED_MAX_RECORD;
      },
      get fileBytes() {
        return current()?.journal.fileBytes ?? 0;
      },
      append: async (expected, record) => now().append(expected, record),
      get: async (position) => now().get(position),
      extent: async () => now().extent(),
      trim: async (upTo) => now().trim(upTo),
      close: async () => current()?.journal.close(),
      follow: (after, each) => followLate(Promise.race([connected, closed]), after, each),
    };
  }

  #makeBlobs(): Blobs {
    const now = () => this.#now().blobs;
    return {
      put: async (name, bytes) => now().put(name, bytes),
      open: async (name) => now().open(name),
      delete: async (name) => now().delete(name),
      erase: async () => now().erase?.(),
      sweep: async (before) => now().sweep?.(before),
      async *list(prefix) {
        yield* now().list(prefix);
      },
    };
  }

  #makeMessages(): Messages {
    /** Begins something with the messages once they are there. Returns what ends it. */
    const begin = (start: (messages: Messages) => () => void) => {
      if (this.#cluster) return start(this.#cluster.messages);
      let isOver = false;
      let end = () => {};
      const begun = this.connected.then(({ messages }) => {
        if (!isOver) end = start(messages);
      });
      begun.catch(() => {});
      return () => {
        isOver = true;
        end();
      };
    };
    return {
      ask: async (node, body, ms) => this.#now().messages.ask(node, body, ms),
      answer: (node, answer) => begin((messages) => messages.answer(node, answer)),
      tell: (body) => this.#cluster?.messages.tell(body),
      hear: (each) => begin((messages) => messages.hear(each)),
    };
  }
}

/** Follows the journal of a cluster once it is there; that is undefined where it never will be. */
function followLate(
  cluster: Promise<Cluster | undefined>,
  ...[after, each]: Parameters<Journal["follow"]>
): Following {
  let isStopped = false;
  let following: Following | undefined;
  const stopped = Promise.withResolvers<undefined>();
  const run = async () => {
    // What it rejects with stops the store by another way.
    const found = await Promise.race([cluster.catch(() => undefined), stopped.promise]);
    if (!found || isStopped) return;
    following = found.journal.follow(after, each);
    await following.ended;
  };
  return {
    ended: run(),
    get problem() {
      return following?.problem;
    },
    stop() {
      isStopped = true;
      stopped.resolve(undefined);
      following?.stop();
    },
  };
}
