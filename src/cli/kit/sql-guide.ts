/** The views, each with its columns, and what they hold. */
export const VIEWS: readonly (readonly [view: string, holds: string])[] = [
  ["frames(id, time, topic, hash, meta, ttl)", "the events: time is ISO text in UTC, meta is JSON"],
  [
    "kv(key, rev, time, type, size, value)",
    "the entries: value is text or, where it is none, a blob",
  ],
  ["topics(topic, frames, first, last)", "the topics: first and last are the ids of events"],
];

/** Queries to begin with. */
export const QUERIES: readonly (readonly [asks: string, query: string])[] = [
  ["the busiest topics", "SELECT topic, frames FROM topics ORDER BY frames DESC LIMIT 10"],
  [
    "events an hour",
    "SELECT substr(time, 1, 13) AS hour, count(*) AS events FROM frames GROUP BY hour",
  ],
  [
    "events a local day and topic",
    "SELECT date(time, 'localtime') AS day, topic, count(*) AS events FROM frames GROUP BY day, topic",
  ],
  [
    "the newest of a topic, with a member of their meta",
    "SELECT time, meta ->> '$.name' AS name FROM frames WHERE topic = 'note' ORDER BY id DESC LIMIT 20",
  ],
  [
    "a mean of the last day, topic by topic",
    "SELECT topic, avg(meta ->> '$.value') AS mean FROM frames WHERE topic GLOB 'sensor.*' AND time > strftime('%FT%TZ', 'now', '-1 day') GROUP BY topic",
  ],
  [
    "the members that the meta of a topic has",
    "SELECT key, count(*) AS events FROM frames, json_each(meta) WHERE topic = 'note' GROUP BY key",
  ],
  [
    "the longest silences, in minutes",
    "SELECT time, round((julianday(time) - julianday(lag(time) OVER (ORDER BY id))) * 1440, 1) AS minutes FROM frames ORDER BY minutes DESC LIMIT 5",
  ],
  [
    "what handlers made, and of which event",
    "WITH f AS MATERIALIZED (SELECT id, topic, meta FROM frames) SELECT made.topic, made.id, cause.topic AS cause FROM f AS made JOIN f AS cause ON cause.id = made.meta ->> '$.frame_id'",
  ],
  [
    "content that several events share",
    "SELECT hash, count(*) AS events FROM frames WHERE hash IS NOT NULL GROUP BY hash HAVING events > 1",
  ],
  ["the largest entries", "SELECT key, type, size FROM kv ORDER BY size DESC LIMIT 10"],
];

/** What `xs sql` alone prints. */
export function guide(): string {
  const views = VIEWS.map(([view, holds]) => `  ${view.padEnd(43)}${holds}\n`);
  const queries = QUERIES.map(([asks, query]) => `  -- ${asks}\n  ${query}\n`);
  return `Views:
${views.join("")}
Queries, as in  xs sql "SELECT count(*) FROM frames":
${queries.join("\n")}`;
}
