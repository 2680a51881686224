import { XsError } from "../../core/error.ts";
import { over } from "../../lib/over.ts";
import type { Store } from "../../store/store.ts";
import type { ImportFrame } from "../../store/types.ts";
import { idleProcessors } from "../lifecycle/expected.ts";
import type { Processors } from "../lifecycle/processors.ts";
import type { ProcessorStatus } from "../lifecycle/status.ts";
import type { Absence, Inquiry, Lead, Running, Taking, Unanswered } from "./lead.ts";
import { LeaderRequests } from "./leader-requests.ts";

/** How long the machine that leads may think about whether a handler takes frames: it may load, in ms. */
const THINK_MS = 5000;
/** How long handlers may load until frames wait for them in any case, in ms. */
const LOAD_MS = 60_000;
/** How long an answer to that holds, in ms. */
const KNOWN_MS = 1000;
/** How long `xs ps` looks for the machine that leads, in ms. */
const STATUS_MS = 4000;
/** How long a stop waits for writes while the journal does not answer, in ms. */
const STALL_MS = 1000;

/** How processors run on one of several machines. */
export interface LeaderOptions {
  /** No processor runs here, also while this machine leads. */
  readonly isPaused: boolean;
  /** Makes the processors of an epoch, which write to this store. */
  processorsOn(store: Store): Processors;
  /** Receives that this machine begins to lead, or ceases to. */
  changed(epoch: number | undefined): void;
  /** Receives why processors cannot be run here: another machine has to lead. */
  failed(error: Error): void;
}

/**
 * The processors of a store on several machines: they run on the one that leads, and only as long as it does. Each epoch
 * begins as a server does, from what the log says; when it is over they all end at once.
 */
export class LeaderProcessors {
  /** Reads everything, on this machine. */
  readonly #store: Store;
  readonly #lead: Lead;
  readonly #options: LeaderOptions;
  readonly #requests: LeaderRequests;
  readonly #stopping = Promise.withResolvers<void>();
  #current: { readonly epoch: number; readonly processors: Processors } | undefined;
  #running: Promise<void> = Promise.resolve();
  #isStopping = false;
  /** What the machine that leads said last. */
  #absence: Absence;
  readonly #takenUntil = new Map<string, number>();

  constructor(store: Store, lead: Lead, options: LeaderOptions) {
    this.#store = store;
    this.#lead = lead;
    this.#options = options;
    this.#absence = { isPaused: options.isPaused, someFailed: false };
    this.#requests = new LeaderRequests(lead, (absence) => {
      this.#absence = absence;
      this.#takenUntil.clear();
    });
  }

  /** Begins to run them whenever this machine leads. */
  start(): void {
    this.#running = this.#run();
  }

  /** Whether the machine that leads runs none, as it said last. */
  get isPaused(): boolean {
    return this.#absence.isPaused;
  }

  /** Whether a handler of HTTP requests has failed for good, as the machine that leads said last. */
  get someFailed(): boolean {
    return this.#absence.someFailed;
  }

  /**
   * Whether a handler, or a reader on another machine, takes frames of a topic.
   *
   * @throws XsError as `Lead.inquire`
   */
  async takes(topic: string): Promise<boolean> {
    const start = performance.now();
    if ((this.#takenUntil.get(topic) ?? 0) > start) return true;
    for (;;) {
      const taking = (await this.#lead.inquire({ about: "takes", topic })) as Taking;
      this.#absence = taking;
      if (taking.takes === false) return await this.#lead.isFollowedElsewhere(topic);
      const now = performance.now();
      if (taking.takes) {
        this.#takenUntil.set(topic, now + KNOWN_MS);
        return true;
      }
      if (now - start > LOAD_MS) return true;
    }
  }

  /** As `Processors.unanswered`, wherever handlers run. */
  unanswered(id: string): { over: Promise<{ reasons: readonly string[] }>; forget(): void } {
    return this.#requests.unanswered(id);
  }

  /** As `Processors.imported`. */
  imported(frames: readonly ImportFrame[]): void {
    this.#current?.processors.imported(frames);
  }

  /** Rows of `xs ps`, each with the machine that runs it, and the reason why they do not run, or null. */
  async status(): Promise<{ rows: readonly ProcessorStatus[]; reason: string | null }> {
    try {
      const running = (await this.#lead.inquire({ about: "processors" }, STATUS_MS)) as Running;
      const { node, isPaused } = running;
      const rows = running.rows.map((row) => ({ ...row, node }));
      return { rows, reason: isPaused ? `the node ${node} leads and runs with --paused` : null };
    } catch (error) {
      if (!(error instanceof XsError)) throw error;
      const idle = await idleProcessors(this.#store, "unknown");
      const rows = idle.map((row) => ({ ...row, node: null }));
      return { rows, reason: `no node says what runs: ${error.message}` };
    }
  }

  /**
   * Answers what this or another machine asks.
   *
   * @throws XsError `not_leader`
   */
  async answer(inquiry: Inquiry): Promise<Taking | Unanswered | Running> {
    const current = this.#current;
    if (!current || current.epoch !== this.#lead.epoch || this.#isStopping)
      throw new XsError("not_leader", "no processors run here yet");
    const { processors } = current;
    const { isPaused } = this.#options;
    const absence = () => ({ isPaused, someFailed: processors.someFailed });
    switch (inquiry.about) {
      case "takes": {
        const late = Bun.sleep(THINK_MS).then(() => null);
        const takes = await Promise.race([processors.takes(inquiry.topic), late]);
        return { takes, ...absence() };
      }
      case "requests":
        return { over: await processors.unansweredAmong(inquiry.ids), ...absence() };
      case "processors": {
        const rows = isPaused
          ? await idleProcessors(this.#store, "paused")
          : await processors.status();
        return { node: this.#lead.name, isPaused, rows };
      }
    }
  }

  /** Ends all processors: where this machine leads, the next one that does begins where they are now. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#stopping.resolve();
    await this.#running;
    // Their last writes wait for a journal that may stay out of reach. What runs ends with this process.
    await Promise.race([this.#current?.processors.stop(), this.#whenStalled()]);
  }

  async #whenStalled(): Promise<void> {
    for (let since = performance.now(); performance.now() - since < STALL_MS; ) {
      await Bun.sleep(STALL_MS / 10);
      if (!this.#lead.isStalled) since = performance.now();
    }
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const changed = this.#lead.leadChanged.wait();
      const { epoch } = this.#lead;
      if (this.#current?.epoch !== epoch) {
        if (this.#current) await this.#end(this.#current, epoch);
        if (this.#isStopping) return;
        if (this.#lead.epoch !== epoch) continue;
        if (epoch !== undefined) this.#begin(epoch);
      }
      await Promise.race([changed, this.#stopping.promise]);
    }
  }

  #begin(epoch: number): void {
    const { isPaused, processorsOn, changed, failed } = this.#options;
    const store = untilRefused(this.#lead.storeUnder(epoch), () => void processors.end());
    const processors = processorsOn(store);
    this.#current = { epoch, processors };
    changed(epoch);
    if (isPaused) processors.pause();
    else {
      processors.start().catch((error: Error) => {
        if (!isOver(error)) failed(error);
      });
    }
  }

  /** @param next the epoch in which this machine leads by now */
  async #end({ processors }: { processors: Processors }, next: number | undefined): Promise<void> {
    this.#current = undefined;
    this.#takenUntil.clear();
    // Where it leads again they must be gone before others begin: those use the same files.
    const ended = processors.end().catch(this.#options.failed);
    if (next === undefined) this.#options.changed(undefined);
    await ended;
  }
}

/** A store whose users end with the first write that it refuses because another machine leads. */
function untilRefused(store: Store, end: () => void): Store {
  const noting = async <T>(write: Promise<T>): Promise<T> => {
    try {
      return await write;
    } catch (error) {
      if (isOver(error as Error)) end();
      throw error;
    }
  };
  return over(store, {
    apply: (...args) => noting(store.apply(...args)),
    append: (...args) => noting(store.append(...args)),
  });
}

function isOver(error: Error): boolean {
  return error instanceof XsError && ["not_leader", "store_closed"].includes(error.code);
}
