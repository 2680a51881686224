import type { Database } from "bun:sqlite";
import { XsError } from "../../core/error.ts";
import type { ForgetRequest, Forgotten, KeepRules } from "../removal.ts";
import type { Collected, Space, Upkeep } from "../upkeep.ts";
import type { Background, Task } from "./background.ts";
import type { Writer } from "./commit/writer.ts";
import type { Collector } from "./content/collector.ts";
import type { ContentStore } from "./content/content.ts";
import { GiveBack } from "./give-back.ts";
import type { Health } from "./health.ts";
import type { KvStore } from "./kv/kv.ts";
import type { Tracer } from "./links/tracer.ts";
import type { Parts } from "./parts.ts";
import { forget } from "./removal/forget.ts";
import { Rules } from "./removal/rules.ts";
import type { Searches } from "./search/searches.ts";

const BACKGROUND_MS = 1000;

/** What maintenance uses. */
export interface MaintenanceUses {
  readonly db: Database;
  readonly parts: Parts;
  readonly kv: KvStore;
  readonly search: Pick<Searches, "purge">;
  readonly content: Pick<ContentStore, "sizeOf">;
  readonly collector: Collector;
  readonly tracer: Tracer;
  readonly writer: Writer;
  readonly health: Health;
  readonly background: Background;
}

/** What a store does every second, and what users may ask of it: expiry, space, old removals. */
export class Maintenance implements Upkeep {
  readonly #uses: MaintenanceUses;
  readonly #giveBack: GiveBack;
  readonly rules: KeepRules;

  constructor(uses: MaintenanceUses) {
    this.#uses = uses;
    this.#giveBack = new GiveBack(uses.db);
    const { write } = uses.writer;
    const { guard } = uses.health;
    const decides = () => uses.writer.decides;
    this.rules = new Rules({ ...uses, write, guard, decides, run: (task) => this.#run(task) });
  }

  /** Begins the tasks of each second. */
  start(): void {
    const { background, health, collector, parts, tracer, writer } = this.#uses;
    const every = (task: Task, run: () => unknown) =>
      background.every(task, BACKGROUND_MS, () => this.#run(run));
    every("place", () => health.checkPlace());
    every("expire", () => this.#expire());
    every("compact", () => this.#compactSome());
    every("collect", () => writer.decides && collector.collectSoon());
    every("link", () => tracer.catchUp());
    const { ephemeral } = parts.contentTables;
    background.every("ephemeral", BACKGROUND_MS, () => ephemeral.sweep());
  }

  async collect(dryRun?: boolean): Promise<Collected> {
    const { collector, health, search } = this.#uses;
    if (!dryRun) health.checkWritable();
    const collected = await collector.collect(dryRun);
    if (!dryRun) await search.purge();
    return collected;
  }

  get space(): Space {
    return this.#uses.health.guard(() => this.#giveBack.space());
  }

  async compact(): Promise<number> {
    const { db, writer, health } = this.#uses;
    health.checkWritable();
    while (await writer.local(() => this.#giveBack.step()));
    // Only a checkpoint shortens the file.
    health.guard(() => db.run("PRAGMA wal_checkpoint(PASSIVE)"));
    return this.space.size;
  }

  async forgetRemovals(age: number, dryRun?: boolean): Promise<number> {
    const { parts, kv, writer, health } = this.#uses;
    const until = Math.max(0, parts.clock.now() - age);
    const count = () => parts.tombstones.count(until) + kv.countDeleted(until);
    if (dryRun) return health.guard(count);
    return writer.write((transaction) => {
      transaction.settle();
      const found = count();
      if (found > 0) transaction.add({ kind: "sweep", tombstones: until });
      return found;
    });
  }

  forget(request: ForgetRequest): AsyncGenerator<Readonly<Forgotten>> {
    const { content, writer, health } = this.#uses;
    if (!request.dryRun) health.checkWritable();
    const { guard } = health;
    const sizeOf = (hash: string) => guard(() => content.sizeOf(hash));
    return forget({ ...this.#uses, write: writer.write, guard, sizeOf }, request);
  }

  async #expire(): Promise<void> {
    if (!this.#uses.writer.decides) return;
    const { retention, answers, clock } = this.#uses.parts;
    const hasAnswers = answers.hasExpired();
    if (!retention.hasExpired() && !hasAnswers) return;
    await this.#uses.writer.write((transaction) => {
      retention.sweep(transaction);
      if (hasAnswers) transaction.add({ kind: "sweep", answers: clock.now() });
    });
  }

  async #compactSome(): Promise<void> {
    if (this.#giveBack.isDue()) await this.#uses.writer.local(() => this.#giveBack.step());
  }

  async #run(run: () => unknown): Promise<void> {
    const { health } = this.#uses;
    if (health.failed) return;
    try {
      await run();
    } catch (error) {
      // A full disk passes and the next run tries again; what does not pass stops the store.
      if (!(health.translate(error as Error) instanceof XsError)) health.stop(error as Error);
    }
  }
}
