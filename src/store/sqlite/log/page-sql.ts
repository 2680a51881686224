import { LINKS } from "../../../core/links.ts";

/** Up or down by `seq`. */
export type Direction = "asc" | "desc";

/** How a page finds its rows: by nothing, an index, or topics that it filters by, leaves out or merges. */
export type Way = "all" | "topic" | "chunks" | "filter" | "except" | "merge";

/** The statement of a page. Takes the bounds, the time, the number of rows, and what is wanted. */
export function joined(way: Way, direction: Direction, withSeqs: boolean): string {
  const [first, last] = direction === "asc" ? ["min", "max"] : ["max", "min"];
  return `
    SELECT count(*) AS rows, ${first}(seq) AS first, ${last}(seq) AS last,
      json_group_array(crc) AS crcs, ${withSeqs ? "json_group_array(seq) AS seqs," : ""}
      CAST(group_concat(line || char(10), '') AS BLOB) AS bytes
    FROM (${rowsOf(way, direction)} LIMIT ?4)`;
}

function rowsOf(way: Way, direction: Direction): string {
  const visible = "(expires IS NULL OR expires > ?3)";
  // Not exclusive: a search for what is above a row reads its page, which may be damaged.
  const range = (table: string) => `${table}.seq >= ?1 AND ${table}.seq <= ?2`;
  if (way === "all" || way === "filter" || way === "except") {
    const list = `${way === "except" ? "NOT IN" : "IN"} (SELECT value FROM json_each(?5))`;
    const filter = way === "all" ? "" : `AND topic ${list}`;
    return `SELECT seq, crc, line FROM frames
      WHERE ${range("frames")} AND ${visible} ${filter} ORDER BY seq ${direction}`;
  }
  // CROSS JOIN keeps the index on the outside: the cost is that of the rows that are taken.
  const found = {
    topic: `SELECT topic, seq FROM by_topic WHERE topic = ?5 AND ${range("by_topic")}`,
    chunks: `SELECT seq FROM links WHERE id = ?5 AND kind = ${LINKS.chunk} AND ${range("links")}`,
    merge: `SELECT topic, seq FROM json_each(?5) AS wanted
      CROSS JOIN by_topic ON topic = wanted.value AND ${range("by_topic")}`,
  }[way];
  // A damaged row of the index must not put a frame among those of another topic.
  const same = way === "chunks" ? "" : "AND frames.topic = found.topic";
  return `SELECT found.seq AS seq, crc, line
    FROM (${found} ORDER BY seq ${direction}) AS found
    CROSS JOIN frames ON frames.seq = found.seq ${same}
    WHERE ${visible} ORDER BY found.seq ${direction}`;
}
