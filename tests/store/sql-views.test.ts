// The parts of the views of `xs sql` that a query does not show: what they cost, and the time in an id.
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import fc from "fast-check";
import { packId, timestampOf } from "../../src/core/id.ts";
import { idTime } from "../../src/store/sqlite/sql/id-time.ts";
import { framesView, goesByTopic, topicsView } from "../../src/store/sqlite/sql/views.ts";
import { TABLES } from "../../src/store/sqlite/tables.ts";

test("the time in an id, as SQL finds it", () => {
  using db = new Database(":memory:");
  const query = db.query(`SELECT ${idTime("?1")} AS ms`);
  // Ids begin in the lower half of their counters.
  const fields = fc.record({
    ts_ms: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    counter_hi: fc.integer({ min: 0, max: 2 ** 23 }),
    counter_lo: fc.integer({ min: 0, max: 2 ** 24 - 1 }),
    node: fc.constantFrom("00000000", "ffffffff", "0a1b2c3d"),
  });
  fc.assert(
    fc.property(fields, (parts) => {
      const id = packId(parts);
      expect(query.get(id)).toEqual({ ms: timestampOf(id) });
    }),
    { numRuns: 2000 },
  );
});

test.each([false, true])(
  "which queries read no frames of other topics (late ones: %s)",
  (hasLate) => {
    using db = new Database(":memory:");
    db.run(TABLES);
    const of = { store: "main", now: 0, hasLate, hasExpired: true };
    db.run(`CREATE TEMP VIEW frames AS ${framesView(of, "topic")}`);
    db.run(`CREATE TEMP VIEW topics AS ${topicsView(of)}`);
    const way = (query: string) => {
      const plan = db.query(`EXPLAIN QUERY PLAN SELECT * FROM (${query})`).all();
      return goesByTopic((plan as { detail: string }[]).map(({ detail }) => detail));
    };
    for (const query of [
      "SELECT * FROM frames WHERE topic = 'a'",
      "SELECT count(*) FROM frames WHERE topic IN ('a', 'b') AND time > '2026'",
      "SELECT topic, avg(meta ->> '$.x') FROM frames WHERE topic = 'a' ORDER BY id DESC LIMIT 5",
      "WITH f AS (SELECT * FROM frames WHERE topic = 'a') SELECT max(id) FROM f",
      "SELECT * FROM topics JOIN frames USING (topic) WHERE topic = 'a'",
    ]) {
      expect([query, way(query)]).toEqual([query, true]);
    }
    for (const query of [
      "SELECT * FROM frames",
      "SELECT count(*) FROM frames WHERE time > '2026'",
      "SELECT substr(time, 1, 13) AS hour, count(*) FROM frames GROUP BY hour",
      "SELECT * FROM frames WHERE id = '03hadtdyn9s2dxl5soli9q9dz'",
      "SELECT (SELECT count(*) FROM frames WHERE topic = 'a'), (SELECT count(*) FROM frames)",
      "SELECT * FROM topics WHERE topic = 'a'",
      "SELECT 1",
    ]) {
      expect([query, way(query)]).toEqual([query, false]);
    }
  },
);
