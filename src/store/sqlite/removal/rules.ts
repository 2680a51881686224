import type { Database } from "bun:sqlite";
import { XsError } from "../../../core/error.ts";
import { KEEP_PREFIX, type KeepRule, keepKey, keepRuleIn } from "../../../core/keep-rule.ts";
import { parseTakenTopics, type TakenTopics, takesProcessors } from "../../../core/taken-topics.ts";
import type { KeepRules, NeededFrames } from "../../removal.ts";
import type { Background } from "../background.ts";
import type { Transaction } from "../commit/transaction.ts";
import type { Health } from "../health.ts";
import type { KvStore } from "../kv/kv.ts";
import type { Parts } from "../parts.ts";
import { AgePass } from "./age-pass.ts";
import { CountPass } from "./count-pass.ts";
import { NO_PROGRESS, type Pass, type Progress } from "./pass.ts";
import { rest } from "./rest.ts";

/** How often the rules are looked at. */
const EVERY_MS = 1000;
/** A rule by age is applied again after this part of its age, so that a commit removes more than a frame or two. */
const PART_OF_AGE = 1000;
const MAX_WAIT_MS = 60_000;
/** A rule for topics of the runtime, which looks at all of their frames each time, is not applied more often. */
const RUNTIME_MS = 10_000;
/** The most rules of a store. */
const MAX_RULES = 1000;

/** What the rules use. */
export interface RulesUses {
  readonly db: Database;
  readonly parts: Parts;
  readonly kv: KvStore;
  readonly background: Background;
  readonly health: Pick<Health, "failed">;
  /** Whether it is for this process to apply them. */
  decides(): boolean;
  write<T>(run: (transaction: Transaction) => T): Promise<T>;
  /** Runs a read. Throws its failure as an XsError. */
  guard<T>(run: () => T): T;
  /** Runs what goes on in the background. */
  run(task: () => Promise<void>): Promise<void>;
}

/** A rule on some topics, and how far it was applied since the store was opened. */
interface Applied {
  readonly rev: string;
  readonly rule: KeepRule;
  readonly topics: TakenTopics;
  progress: Progress;
  /** The contents of which a chunk stayed because they grow: where the rule is to look again when they have ended. */
  readonly grew: Map<string, number>;
  /** When the rule is looked at next, by `performance.now`. */
  due: number;
  pass: Pass | undefined;
}

/** The rules of retention, and their application in the background. */
export class Rules implements KeepRules {
  readonly #uses: RulesUses;
  #applied = new Map<string, Applied>();
  #needed: NeededFrames | undefined;

  constructor(uses: RulesUses) {
    this.#uses = uses;
  }

  async list(): Promise<KeepRule[]> {
    const { kv, guard } = this.#uses;
    const rules: KeepRule[] = [];
    for (const key of guard(() => kv.keysBelow(KEEP_PREFIX))) {
      const entry = await kv.get(key);
      const rule = entry && keepRuleIn(entry.value);
      if (rule) rules.push(rule);
    }
    return rules;
  }

  async set(rule: KeepRule): Promise<void> {
    const { kv, write } = this.#uses;
    const key = keepKey(rule.pattern);
    await write((transaction) => {
      transaction.settle();
      const keys = kv.keysBelow(KEEP_PREFIX);
      if (keys.length >= MAX_RULES && !keys.includes(key)) {
        throw new XsError(
          "bad_request",
          `there are ${MAX_RULES} rules already: end one, or make one pattern of several`,
        );
      }
      const value = Buffer.from(JSON.stringify(rule));
      kv.putNow(transaction, { key, type: "application/json", value, writer: null });
    });
  }

  end(pattern: string): Promise<boolean> {
    const key = keepKey(pattern);
    return this.#uses.write(
      (transaction) => this.#uses.kv.deleteNow(transaction, key, null) !== undefined,
    );
  }

  start(needed: NeededFrames): void {
    this.#needed = needed;
    this.#applyIn(0);
  }

  get areApplied(): boolean {
    return this.#needed !== undefined;
  }

  #applyIn(ms: number): void {
    const { background, run } = this.#uses;
    background.after("keep", ms, async () => {
      await run(() => this.#apply());
      this.#applyIn(EVERY_MS);
    });
  }

  /** Applies what is due of all rules, a step of each in turn. */
  async #apply(): Promise<void> {
    while (!this.#uses.health.failed && this.#uses.decides()) {
      this.#refresh();
      let isOver = true;
      for (const applied of this.#applied.values()) {
        if (!(await this.#tryStep(applied))) isOver = false;
      }
      if (isOver) return;
    }
  }

  /** As {@link #step}. A rule that meets a full disk, or a damaged page, waits: the others go on. */
  async #tryStep(applied: Applied): Promise<boolean> {
    try {
      return await this.#step(applied);
    } catch (error) {
      // The commit was rolled back, and the pass has gone on: it begins again.
      applied.pass = undefined;
      if (!(error instanceof XsError)) throw error;
      // Another machine decides now; where this one does so again, it must not wait.
      applied.due = error.code === "not_leader" ? 0 : performance.now() + MAX_WAIT_MS;
      return true;
    }
  }

  /** Takes one step of the application of a rule. Returns whether there is nothing to do now. */
  async #step(applied: Applied): Promise<boolean> {
    applied.pass ??= await this.#begin(applied);
    const { pass } = applied;
    if (!pass) return true;
    const { write, guard } = this.#uses;
    const { retention } = this.#uses.parts;
    if (applied.rule.count !== null && retention.hasExpired()) {
      // Expired rows must not take the place of frames that readers still see.
      await write((transaction) => retention.sweep(transaction));
      return false;
    }
    const start = performance.now();
    const { rows, isLast } = guard(() => pass.next());
    if (rows.length > 0) await write((transaction) => pass.taker.remove(transaction, rows));
    if (isLast) {
      applied.progress = pass.progress;
      for (const [first, seq] of pass.taker.grew) applied.grew.set(first, seq);
      applied.pass = undefined;
    }
    await rest(performance.now() - start);
    return isLast;
  }

  /** Begins to apply a rule, if it is due. */
  async #begin(applied: Applied): Promise<Pass | undefined> {
    const { parts, db, guard } = this.#uses;
    const { rule, topics } = applied;
    const ends = parts.search.ends;
    const isRuntime = topics.runtime.length > 0;
    guard(() => this.#lookAgain(applied));
    const hasNews = ends.seq > applied.progress.seq || ends.late < applied.progress.lateSeq;
    const isDue = performance.now() >= applied.due || ends.late < applied.progress.lateSeq;
    if (!isDue || (rule.count !== null && !hasNews && !isRuntime)) return undefined;
    const wait = Math.min((rule.age_ms ?? 0) / PART_OF_AGE, MAX_WAIT_MS);
    applied.due = performance.now() + Math.max(wait, isRuntime ? RUNTIME_MS : EVERY_MS / 2);
    // These are few, and what the runtime needs of them changes: it looks at all of them, each time.
    const since = isRuntime ? NO_PROGRESS : applied.progress;
    const needed = takesProcessors(topics) ? await this.#needed?.() : undefined;
    const uses = { ...parts, db };
    return guard(() =>
      rule.age_ms === null
        ? new CountPass(uses, { topics, count: rule.count ?? 0, since, ends, needed })
        : new AgePass(uses, { topics, age: rule.age_ms, since, ends, needed }),
    );
  }

  /** Goes back to the chunks of contents that have ended. */
  #lookAgain(applied: Applied): void {
    const { growing } = this.#uses.parts;
    for (const [first, seq] of applied.grew) {
      if (growing.has(first)) continue;
      applied.grew.delete(first);
      const { progress } = applied;
      applied.progress = { ...progress, seq: Math.min(progress.seq, seq - 1) };
      applied.due = 0;
    }
  }

  /** Takes up which rules there are. A new one, or one that has changed, was applied to nothing. */
  #refresh(): void {
    const { kv, guard } = this.#uses;
    const all = new Map<string, Applied>();
    for (const key of guard(() => kv.keysBelow(KEEP_PREFIX))) {
      const entry = guard(() => readable(() => kv.getNow(key)));
      const rule = entry && keepRuleIn(entry.value);
      if (!rule) continue;
      for (const topics of partsOf(parseTakenTopics(rule.pattern))) {
        const name = `${key} ${topics.text}`;
        const known = this.#applied.get(name);
        all.set(name, known?.rev === entry.rev ? known : notApplied(entry.rev, rule, topics));
      }
    }
    this.#applied = all;
  }
}

/** The topics of the runtime, and the others: a rule is applied to each apart. */
function partsOf({ patterns, runtime }: TakenTopics): TakenTopics[] {
  const own = { text: "own", patterns: [], runtime };
  const others = { text: "others", patterns, runtime: [] };
  return [...(runtime.length > 0 ? [own] : []), ...(patterns?.length === 0 ? [] : [others])];
}

function notApplied(rev: string, rule: KeepRule, topics: TakenTopics): Applied {
  const nothing = { progress: NO_PROGRESS, grew: new Map(), due: 0, pass: undefined };
  return { rev, rule, topics, ...nothing };
}

/** What a function returns; undefined where it throws an XsError. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof XsError) return undefined;
    throw error;
  }
}
