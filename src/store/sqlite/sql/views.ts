import { idTime } from "./id-time.ts";

/** What the views are made for. */
export interface ViewsOf {
  /** The schema under which the database of the store is attached. */
  readonly store: string;
  /** The time of the query in ms: what has expired by then is in no view. */
  readonly now: number;
  /** Whether there are late frames: without them the views are simpler, and faster. */
  readonly hasLate: boolean;
  /** Whether there are rows of frames that have expired. */
  readonly hasExpired: boolean;
}

/**
 * How the view of frames finds its rows: along the log, or topic by topic, for a query that names topics. The statement
 * of the other takes several times longer.
 */
export type Way = "log" | "topic";

/** The names in the view of frames that a plan of SQLite tells the way by. */
const ROW = "frame_row";
const PLACE = "frame_place";
const TOPIC = "frame_topic";

/** Tells whether a plan is right for the way `topic`: it finds the topics by their names, and reads no frame of others. */
export function goesByTopic(plan: readonly string[]): boolean {
  const byName = new RegExp(`^SEARCH ${TOPIC} USING .*INDEX .*\\(name`);
  const readsAll = new RegExp(`^SCAN (${ROW}|${PLACE}|${TOPIC})\\b`);
  return plan.some((step) => byName.test(step)) && !plan.some((step) => readsAll.test(step));
}

/** The statement of the view `frames`. */
export function framesView(of: ViewsOf, way: Way): string {
  const { store } = of;
  const placed = `JOIN ${store}.by_topic AS ${PLACE}
      ON ${PLACE}.topic = ${ROW}.topic AND ${PLACE}.seq = ${ROW}.seq`;
  const select = (table: string, join = "") => `
    SELECT ${ID} AS id, ${TIME} AS time, ${TOPIC}.name AS topic,
      ${HASH} AS hash, ${META} AS meta, ${TTL} AS ttl
    FROM ${store}.${table} AS ${ROW} ${join}
    JOIN ${store}.topics AS ${TOPIC} ON ${TOPIC}.topic = ${join ? PLACE : ROW}.topic
    WHERE ${visible(of)}`;
  const frames = select("frames", way === "topic" ? placed : "");
  return of.hasLate ? `${frames} UNION ALL ${select("late")}` : frames;
}

/** The statement of the view `topics`: those with a frame, by name. */
export function topicsView(of: ViewsOf): string {
  const { store, now, hasLate, hasExpired } = of;
  const counted = [`(SELECT count(*) FROM ${store}.by_topic AS b WHERE b.topic = t.topic)`];
  if (hasExpired) counted.push("- coalesce(expired.frames, 0)");
  if (hasLate) {
    counted.push(
      `+ (SELECT count(*) FROM ${store}.late AS ${ROW} WHERE topic = t.topic AND ${visible(of)})`,
    );
  }
  const end = (order: "ASC" | "DESC") => {
    const id = `(SELECT ${ID} FROM ${store}.by_topic AS b
      CROSS JOIN ${store}.frames AS ${ROW} ON ${ROW}.seq = b.seq
      WHERE b.topic = t.topic AND ${visible(of)} ORDER BY b.seq ${order} LIMIT 1)`;
    if (!hasLate) return id;
    const late = `(SELECT id FROM ${store}.late AS ${ROW}
      WHERE topic = t.topic AND ${visible(of)} ORDER BY id ${order} LIMIT 1)`;
    const which = order === "ASC" ? "min" : "max";
    return `${which}(coalesce(${id}, ${late}), coalesce(${late}, ${id}))`;
  };
  const expired = `WITH expired AS MATERIALIZED (
    SELECT topic, count(*) AS frames FROM ${store}.frames WHERE expires <= ${now} GROUP BY topic)`;
  return `${hasExpired ? expired : ""}
    SELECT topic, frames, first, last FROM (
      SELECT t.name AS topic, ${counted.join(" ")} AS frames,
        ${end("ASC")} AS first, ${end("DESC")} AS last
      FROM ${store}.topics AS t
        ${hasExpired ? "LEFT JOIN expired ON expired.topic = t.topic" : ""}
    ) WHERE frames > 0`;
}

/** The statement of the view `kv`: the entries that were not deleted, with their values as text where they are text. */
export function kvView({ store }: ViewsOf): string {
  return `
    SELECT key, rev, ${isoTime(idTime("rev"))} AS time, type, length(value) AS size,
      CASE WHEN ${IS_TEXT} THEN CAST(value AS TEXT) ELSE value END AS value
    FROM ${store}.kv WHERE value IS NOT NULL`;
}

function isoTime(ms: string): string {
  return `strftime('%Y-%m-%dT%H:%M:%fZ', ${ms} / 1000.0, 'unixepoch')`;
}

function visible({ now }: ViewsOf): string {
  return `(${ROW}.expires IS NULL OR ${ROW}.expires > ${now})`;
}

// The parts of a line as `encodeFrame` writes it. A topic has no quotes, so the first text of this kind is the right one.
const LINE = `${ROW}.line`;
const ID_AT = `(instr(${LINE}, '","id":"') + 8)`;
const ID = `substr(${LINE}, ${ID_AT}, 25)`;
const TIME = isoTime(`${ROW}.ms`);
const HASH = `CASE substr(${LINE}, ${ID_AT} + 34, 1) WHEN '"' THEN substr(${LINE}, ${ID_AT} + 35, 51) END`;
/** The line up to the ttl, which has none but these characters. */
const HEAD = `rtrim(substr(${LINE}, 1, length(${LINE}) - 2), 'abcdefghijklmnopqrstuvwxyz:0123456789')`;
const META_AT = `(instr(${LINE}, ',"meta":') + 8)`;
/** SQLite finds meta faster as JSON, but refuses JSON that is very deep, and a query would fail at a damaged line. */
const META = `nullif(CASE WHEN json_valid(${LINE}) THEN ${LINE} -> '$.meta'
  ELSE substr(${HEAD}, ${META_AT}, length(${HEAD}) - ${META_AT} - 7) END, 'null')`;
const TTL = `substr(${LINE}, length(${HEAD}) + 1, length(${LINE}) - length(${HEAD}) - 2)`;

const IS_TEXT = [
  "type LIKE 'text/%'",
  "type LIKE 'application/json%'",
  "type LIKE 'application/%+json%'",
  "type LIKE 'application/xml%'",
  "type LIKE 'application/%+xml%'",
  "type LIKE 'application/x-www-form-urlencoded%'",
].join(" OR ");
