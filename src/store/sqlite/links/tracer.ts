import type { Database } from "bun:sqlite";
import { XsError } from "../../../core/error.ts";
import { nextTurn } from "../../../lib/next-turn.ts";
import type { Ends } from "../../read-source.ts";
import type { TraceDirection, TraceOptions } from "../../trace.ts";
import type { Writer } from "../commit/writer.ts";
import type { Health } from "../health.ts";
import { damagedFrame, isSound } from "../log/frame-row.ts";
import type { Parts } from "../parts.ts";
import { EffectRows } from "./effect-rows.ts";
import { Trace } from "./trace.ts";

/** How long one step of the index takes, in ms: for a question, and in the background. */
const QUESTION_MS = 20;
const BACKGROUND_MS = 5;
/** The most steps of one run in the background, and the most new frames since the last one with which it runs. */
const BACKGROUND_STEPS = 10;
const BUSY_FRAMES = 1000;

/** What a tracer uses. */
export interface TracerUses {
  readonly db: Database;
  readonly parts: Parts;
  readonly health: Health;
  readonly writer: Writer;
}

/** Answers what a frame came of and what came of it, and keeps the index of links for that. */
export class Tracer {
  readonly #uses: TracerUses;
  /** The question under way that stores links: others wait for the same. */
  #storing: Promise<void> | undefined;
  #stored: EffectRows | undefined;
  #withMemory: EffectRows | undefined;
  /** Where the tables ended when the background looked last. */
  #before: Ends = { seq: 0, late: 0 };

  constructor(uses: TracerUses) {
    this.#uses = uses;
  }

  /** As {@link Store.trace}. */
  async trace(
    id: string,
    direction: TraceDirection,
    options: TraceOptions = {},
  ): Promise<Trace | undefined> {
    const { search, pages, clock } = this.#uses.parts;
    const { guard } = this.#uses.health;
    const ends = pages.ends();
    const start = guard(() => search.find(id));
    if (!start || (start.expires !== null && start.expires <= clock.now())) return undefined;
    if (!isSound(start)) throw damagedFrame(id);
    const effects = direction === "effects" ? await this.#effectsUpTo(ends) : undefined;
    const together = <T>(run: () => T) => guard(() => this.#together(run));
    const uses = { search, ends, now: clock.now, together, ...(effects && { effects }) };
    const trace = new Trace(uses, start, options);
    const { after } = options;
    if (after !== undefined && !(await trace.skipTo(after))) {
      throw new XsError(
        "not_found",
        `the frame ${after} is not, or no longer, among the ${direction} of ${id}: read them from the start, without after`,
      );
    }
    return trace;
  }

  /** Stores links that are missing, for a short time, where somebody has asked and the store has little to do. */
  async catchUp(): Promise<void> {
    const { links, search } = this.#uses.parts;
    const [{ ends }, before] = [search, this.#before];
    this.#before = ends;
    const came = ends.seq - before.seq + before.late - ends.late;
    if (came > BUSY_FRAMES || links.stored === undefined) return;
    for (let step = 0; step < BACKGROUND_STEPS && !links.isStoredUpTo(search.ends); step++) {
      await this.#store(BACKGROUND_MS);
    }
  }

  /** Runs reads as one transaction: to begin and end one for each costs more than many of them. */
  #together<T>(run: () => T): T {
    const { db } = this.#uses;
    if (db.inTransaction) return run();
    db.run("BEGIN");
    try {
      return run();
    } finally {
      // Some failures have ended it.
      if (db.inTransaction) db.run("COMMIT");
    }
  }

  /** The rows of effects, when the index has all links up to these ends. */
  async #effectsUpTo(ends: Ends): Promise<EffectRows> {
    const { db, parts, health } = this.#uses;
    const { links } = parts;
    if (!(await this.#isStored(ends))) {
      // Nothing can be written here, or for now.
      while (health.guard(() => links.remember(ends, QUESTION_MS))) await nextTurn();
      this.#withMemory ??= new EffectRows(db, true);
      return this.#withMemory;
    }
    this.#stored ??= new EffectRows(db, false);
    return this.#stored;
  }

  async #isStored(ends: Ends): Promise<boolean> {
    const { links } = this.#uses.parts;
    const isThere = () => this.#uses.health.guard(() => links.isStoredUpTo(ends));
    if (isThere()) return true;
    try {
      while (!isThere()) {
        this.#storing ??= this.#store(QUESTION_MS).finally(() => {
          this.#storing = undefined;
        });
        await this.#storing;
      }
      return true;
    } catch {
      return false;
    }
  }

  #store(ms: number): Promise<void> {
    const { writer, parts } = this.#uses;
    return writer.local((transaction) => {
      transaction.settle();
      parts.links.store(ms);
    });
  }
}
