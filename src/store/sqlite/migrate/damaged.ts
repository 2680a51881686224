import type { Database } from "bun:sqlite";
import { parseTopic } from "../../../core/topic.ts";
import { isCorrupt } from "../../failures.ts";
import { TopicNumbers } from "./topic-numbers.ts";

/**
 * Finds the topics of damaged frames: the rows that indexed them still name these. So a read of the topic goes on
 * reporting them, and whoever removes them leaves nothing. One that nothing indexed stays under the topic 0, which no
 * name has.
 */
export function placeDamaged(db: Database): void {
  if (!db.query("SELECT 1 FROM damaged LIMIT 1").get()) return;
  const topics = new TopicNumbers(db);
  const setTopic = db.query("UPDATE frames SET topic = ? WHERE seq = ?");
  const move = db.query("UPDATE by_topic SET topic = ? WHERE topic = 0 AND seq = ?");
  for (const [seq, name] of namesOfDamaged(db)) {
    const topic = topics.count(name);
    setTopic.run(topic, seq);
    move.run(topic, seq);
  }
  topics.flush();
}

function namesOfDamaged(db: Database): Map<number, string> {
  const found = new Map<number, string>();
  const rows = db.query(
    `SELECT damaged.seq, scope FROM old.scopes CROSS JOIN damaged ON damaged.id = scopes.id
      WHERE scope NOT LIKE '%.*' AND scope NOT LIKE '%:%'`,
  );
  try {
    for (const { seq, scope } of rows.iterate() as Iterable<{ seq: number; scope: string }>) {
      if (isTopic(scope)) found.set(seq, scope);
    }
  } catch (error) {
    // A damaged index tells as much as it can.
    if (!isCorrupt(error)) throw error;
  }
  return found;
}

function isTopic(text: string): boolean {
  try {
    return parseTopic(text) === text;
  } catch {
    return false;
  }
}
