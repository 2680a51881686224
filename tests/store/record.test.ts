import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import fc from "fast-check";
import { packId } from "../../src/core/id.ts";
import { idInKey, SCHEDULED_PREFIX } from "../../src/core/scheduled.ts";
import { parseTtl } from "../../src/core/ttl.ts";
import { decodeRecord, encodeRecord } from "../../src/store/journal/record-codec.ts";
import { TableApplier } from "../../src/store/sqlite/commit/apply.ts";
import type { CommitRecord } from "../../src/store/sqlite/commit/record.ts";
import { Transaction } from "../../src/store/sqlite/commit/transaction.ts";
import { KvStore } from "../../src/store/sqlite/kv/kv.ts";
import { PastFrames } from "../../src/store/sqlite/log/past.ts";
import { openParts } from "../../src/store/sqlite/parts.ts";
import { ScheduledRows } from "../../src/store/sqlite/scheduled/scheduled-rows.ts";
import { TABLES } from "../../src/store/sqlite/tables.ts";
import { asSent } from "../support/effects.ts";

const START = 1_800_000_000_000;

/** The tables of a store in memory, and what writes into them, with no commits around it. */
class Projection {
  now = START;
  readonly db = new Database(":memory:", { strict: true });
  readonly parts: ReturnType<typeof openParts>;
  readonly kv: KvStore;
  readonly scheduled: ScheduledRows;
  readonly #applier: TableApplier;

  constructor() {
    this.db.run(TABLES);
    this.parts = openParts(this.db, () => this.now);
    const { ids, horizon, answers } = this.parts;
    const write = () => Promise.reject(new Error("there is no writer"));
    const guard = <T>(run: () => T) => run();
    this.kv = new KvStore({ db: this.db, ids, horizon, answers, write, guard });
    this.scheduled = new ScheduledRows(this.db, this.kv);
    const { tables: frames, contentTables: content } = this.parts;
    this.#applier = new TableApplier({ ...this.parts, frames, kv: this.kv, content });
  }

  /** Decides and applies; returns the record. */
  commit(run: (transaction: Transaction) => void): CommitRecord {
    const transaction = new Transaction(this.#applier);
    run(transaction);
    this.parts.retention.trim(transaction);
    if (transaction.usesIds) transaction.add({ kind: "newest", id: this.parts.ids.newest });
    transaction.settle();
    return transaction.record;
  }

  apply({ effects }: CommitRecord): void {
    this.#applier.apply(effects, 0);
  }

  dump(): unknown {
    const tables = this.db.query("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    return (tables as { name: string }[]).map(({ name }) => [
      name,
      this.db.query(`SELECT * FROM ${name}`).values(),
    ]);
  }
}

const topics = fc.constantFrom("a", "a.b", "b");
const ttls = fc.constantFrom("forever", "last:1", "last:3", "time:50", "ephemeral");
const step = fc.oneof(
  fc.record({ do: fc.constant("append" as const), topic: topics, ttl: ttls, n: fc.nat(5) }),
  fc.record({
    do: fc.constant("import" as const),
    topic: topics,
    ttl: ttls,
    back: fc.integer({ min: -100, max: 1000 }),
    restore: fc.boolean(),
  }),
  fc.record({
    do: fc.constant("past" as const),
    topic: topics,
    ttl: fc.constantFrom("forever", "last:2", "time:500"),
    back: fc.integer({ min: 0, max: 100 }),
    frames: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({ do: fc.constant("schedule" as const), topic: topics, ms: fc.nat(40) }),
  fc.record({ do: fc.constant("due" as const) }),
  fc.record({ do: fc.constant("take back" as const) }),
  fc.record({ do: fc.constant("remove" as const), n: fc.nat(20) }),
  fc.record({
    do: fc.constant("put" as const),
    n: fc.nat(3),
    value: fc.option(fc.uint8Array({ maxLength: 5 })),
    writer: fc.option(fc.constant("h")),
  }),
  fc.record({ do: fc.constant("candidates" as const), n: fc.nat(3), kept: fc.boolean() }),
  fc.record({ do: fc.constant("once" as const), n: fc.nat(3) }),
  fc.record({ do: fc.constant("chunks" as const), ended: fc.boolean() }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.nat(60) }),
  fc.record({ do: fc.constant("sweep" as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const hash = (n: number) => `sha256-${String(n).repeat(43)}=`;

function run(step: Step, store: Projection, transaction: Transaction, given: string[]): void {
  const { log, retention, answers, clock } = store.parts;
  const append = (topic: string, ttl: string, meta = "null", more = {}) => {
    const request = { topic, ttl: parseTtl(ttl), meta, content: null, ...more };
    const line = log.append(transaction, request);
    given.push((JSON.parse(line) as { id: string }).id);
    return line;
  };
  switch (step.do) {
    case "append": {
      const content = { hash: hash(step.n), size: 2, bytes: new Uint8Array([step.n, 0]) };
      append(step.topic, step.ttl, "1", { content });
      transaction.add({ kind: "content", hash: content.hash, bytes: content.bytes });
      return;
    }
    case "import": {
      const fields = {
        ts_ms: store.now - step.back,
        counter_hi: 1,
        counter_lo: 1,
        node: "00000001",
      };
      const frame = { topic: step.topic, id: packId(fields), hash: hash(9), meta: "2" };
      given.push(frame.id);
      const { restore } = step;
      log.import(transaction, [{ ...frame, ttl: parseTtl(step.ttl) }], { restore });
      return;
    }
    case "past": {
      const past = new PastFrames(store.parts, transaction);
      const { topic, back } = step;
      const request = { topic, ttl: parseTtl(step.ttl), meta: "4", content: null };
      for (let n = 0; n < step.frames; n++) {
        const line = past.add(request, store.now - back);
        given.push((JSON.parse(line) as { id: string }).id);
      }
      past.commit();
      return;
    }
    case "schedule": {
      const request = { topic: step.topic, ttl: parseTtl("last:2"), meta: "5", content: null };
      store.scheduled.add(transaction, request, store.now + 1 + step.ms);
      return;
    }
    case "due":
      transaction.settle();
      for (const { key, frame } of store.scheduled.list(SCHEDULED_PREFIX, 9, store.now)) {
        append(frame?.topic ?? "", frame?.ttl ?? "", frame?.meta);
        store.scheduled.take(transaction, key);
      }
      return;
    case "take back": {
      transaction.settle();
      const key = store.scheduled.firstAfter(SCHEDULED_PREFIX);
      if (key !== undefined) store.scheduled.remove(transaction, idInKey(key));
      return;
    }
    case "remove":
      log.remove(transaction, given[step.n % Math.max(given.length, 1)] ?? hash(0), store.now);
      return;
    case "put": {
      const { value, writer } = step;
      store.kv.putNow(transaction, { key: `k${step.n}`, type: "t", value, writer });
      return;
    }
    case "candidates":
      transaction.add({
        kind: "candidates",
        hashes: [hash(step.n)],
        ...(step.kept && { kept: true as const }),
      });
      return;
    case "once": {
      answers.once(transaction, `key ${step.n}`, "3", () => [append("a", "forever", "3")]);
      return;
    }
    case "chunks": {
      const first = append("c", "forever", '{"chunk":{"of":null,"index":0,"more":true}}', {
        growing: "begins",
      });
      const { id } = JSON.parse(first) as { id: string };
      const meta = JSON.stringify({ chunk: { of: id, index: 1, more: !step.ended } });
      append("c", "forever", meta, step.ended ? { growing: { ended: id } } : {});
      return;
    }
    case "wait":
      store.now += step.ms;
      return;
    case "sweep":
      retention.sweepAll(transaction);
      transaction.add({ kind: "sweep", answers: clock.now(), tombstones: store.now - 100 });
  }
}

const KEY = new Uint8Array(32).fill(1);

/** As another store gets it: as bytes of the journal. */
function sent({ version, effects }: CommitRecord): CommitRecord {
  const place = { prev: new Uint8Array(32), nonce: new Uint8Array(16), epoch: 1, newest: "" };
  const { effects: got } = decodeRecord(encodeRecord({ ...place, effects }, KEY), KEY);
  return { version, effects: got };
}

test("the records of a store, sent as bytes and applied in their order, make the same store", () => {
  fc.assert(
    fc.property(fc.array(fc.array(step, { maxLength: 8 }), { maxLength: 12 }), (commits) => {
      const one = new Projection();
      const other = new Projection();
      const given: string[] = [];
      for (const steps of commits) {
        const record = one.commit((transaction) => {
          for (const each of steps) run(each, one, transaction, given);
        });
        const got = sent(record);
        expect(got.effects).toEqual(asSent(record.effects));
        other.apply(got);
      }
      expect(other.dump()).toEqual(one.dump());
    }),
    { numRuns: 300 },
  );
});
