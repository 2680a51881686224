import { Database } from "bun:sqlite";
import { median } from "../statistics.ts";

/** Asks SQLite alone, from a process that has the file open. */
export function query(job: {
  file: string;
  /** Another file, which the query names "other". */
  other?: string;
  sql: string;
  params: readonly string[];
  times: number;
}): Promise<{ ms: number; rows: number }> {
  const db = new Database(job.file, { readonly: true });
  if (job.other !== undefined) db.run("ATTACH ? AS other", [job.other]);
  const statement = db.query(job.sql);
  const times: number[] = [];
  let rows = 0;
  for (let n = 0; n < job.times; n++) {
    const started = performance.now();
    rows = statement.all(...job.params).length;
    times.push(performance.now() - started);
  }
  db.close();
  return Promise.resolve({ ms: median(times), rows });
}

/** The newest frames with a word, of the index of the search; "other" is the database of the frames. */
export const FRAMES_WITH = `
  SELECT line FROM docs CROSS JOIN other.frames ON seq = docs.rowid
  WHERE docs MATCH ? ORDER BY docs.rowid DESC LIMIT 20`;

/** The id in a line. */
const idIn = (line: string) => `substr(${line}, instr(${line}, '","id":"') + 8, 25)`;

/** Which of the rows of "frames" has an id, as the tables find it. */
const isFrame = (id: string) => {
  const mark = `coalesce((SELECT seq FROM id_marks WHERE id <= ${id} ORDER BY id DESC LIMIT 1), 0)`;
  return `each.seq >= ${mark} AND each.seq < ${mark} + 32 AND ${idIn("each.line")} = ${id}`;
};

const CAUSE = "each.line ->> '$.meta.frame_id'";

/** The frames that a frame came of, by the one member that this store has. */
export const CAUSES = `
  WITH RECURSIVE walk(line, cause, depth) AS (
    SELECT line, ${CAUSE}, 0 FROM frames AS each WHERE ${isFrame("?1")}
    UNION ALL
    SELECT each.line, ${CAUSE}, depth + 1 FROM walk CROSS JOIN frames AS each ON ${isFrame("cause")}
  )
  SELECT line, depth FROM walk WHERE depth > 0`;

/** The frames that came of a frame. */
export const EFFECTS = `
  WITH RECURSIVE walk(id, line, depth) AS (
    VALUES (?1, NULL, 0)
    UNION ALL
    SELECT ${idIn("each.line")}, each.line, depth + 1
      FROM walk CROSS JOIN links USING (id) CROSS JOIN frames AS each USING (seq)
  )
  SELECT line, depth FROM walk WHERE depth > 0`;

const end = (which: "min" | "max") =>
  `(SELECT ${idIn("line")} FROM frames
    WHERE seq = (SELECT ${which}(seq) FROM by_topic WHERE topic = topics.topic))`;

/** The topics with the ids of their ends. */
export const TOPICS = `
  SELECT name, frames, ${end("min")} AS first, ${end("max")} AS last FROM topics ORDER BY name`;
