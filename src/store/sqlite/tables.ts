/**
 * The tables of a store, as docs/adr/0009-one-schema.md explains them. `migrate/` leads here from older
 * ones.
 */
export const TABLES = `
  -- Every frame that did not arrive late. "seq" is the order of arrival, and the order of ids. "line" is the JSON as it
  -- is served; "crc" is its CRC-32, because SQLite has no checksums. "ms" is the time in its id. No read returns the
  -- frame after "expires", in ms.
  CREATE TABLE frames (
    seq INTEGER PRIMARY KEY,
    topic INTEGER NOT NULL,
    ms INTEGER NOT NULL,
    expires INTEGER,
    crc INTEGER NOT NULL,
    line TEXT NOT NULL
  ) STRICT;
  CREATE INDEX frames_by_expiry ON frames (expires) WHERE expires IS NOT NULL;

  -- The frames that arrived with an id below the newest. "seq" is below 0. "position" is the id of the frame that
  -- reports their arrival: they come before it in the order of arrival.
  CREATE TABLE late (
    seq INTEGER PRIMARY KEY,
    topic INTEGER NOT NULL,
    ms INTEGER NOT NULL,
    expires INTEGER,
    crc INTEGER NOT NULL,
    line TEXT NOT NULL,
    id TEXT NOT NULL,
    position TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX late_by_id ON late (id);
  CREATE INDEX late_by_topic ON late (topic, id);
  CREATE INDEX late_by_position ON late (position, id);
  CREATE INDEX late_by_topic_and_position ON late (topic, position, id);
  CREATE INDEX late_by_expiry ON late (expires) WHERE expires IS NOT NULL;

  -- The numbers of the topics that have frames, and how many: those in "late", and those in "frames" up to the "seq"
  -- in the fact "counted". The newer ones, some hundreds at most, are counted again when the store opens.
  CREATE TABLE topics (
    topic INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    frames INTEGER NOT NULL
  ) STRICT;

  -- Where the rows of "frames" with a topic are. Under minus its number: those with a "last:" ttl, once more.
  CREATE TABLE by_topic (
    topic INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (topic, seq)
  ) STRICT, WITHOUT ROWID;

  -- The id of one row of "frames" in 16: the rows of an id are near.
  CREATE TABLE id_marks (id TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;

  -- The frames, late ones included, whose meta names another frame. "kind" is a number of LINKS: commits add those
  -- of chunks. The others are for an index of causes, which is made behind the log, up to the rows in the fact "linked".
  CREATE TABLE links (
    id TEXT NOT NULL,
    kind INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (id, kind, seq)
  ) STRICT, WITHOUT ROWID;

  -- The frames that users removed, and when, in ms: an import does not bring them back.
  CREATE TABLE tombstones (
    id TEXT PRIMARY KEY,
    ms INTEGER NOT NULL,
    crc INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- Small content, committed with its frame, on its way to cacache. Its index by hash is in memory. "uses": how many
  -- frames that put the content here still exist. At 0 it waits for the collector.
  CREATE TABLE staged (
    seq INTEGER PRIMARY KEY,
    uses INTEGER NOT NULL DEFAULT 1,
    hash TEXT NOT NULL,
    bytes BLOB NOT NULL
  ) STRICT;

  -- Content that lost a reference: the collector frees what nothing else names.
  CREATE TABLE gc_candidates (hash TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

  -- "rev" is an id of the sequence of the frames; "crc" is the CRC-32 of all the rest. An entry without a value was
  -- deleted. "writer" is the handler that wrote it; null for a client.
  CREATE TABLE kv (
    key TEXT PRIMARY KEY,
    rev TEXT NOT NULL,
    type TEXT NOT NULL,
    crc INTEGER NOT NULL,
    writer TEXT,
    value BLOB
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX kv_deleted ON kv (rev) WHERE value IS NULL;

  -- The answers of appends with an Idempotency-Key; "request" is a hash of the request.
  CREATE TABLE answers (
    key TEXT PRIMARY KEY,
    expires INTEGER NOT NULL,
    request TEXT NOT NULL,
    frames TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX answers_by_expiry ON answers (expires);

  -- The first frames of chunked content that still grows.
  CREATE TABLE growing (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

  -- newest_id: the store gives no id up to this one again, even if no frame keeps it. counted: see topics. linked: up
  -- to where "links" has all links, if somebody has asked for effects. filling: an import into a store that had no
  -- frame is not at its end, see FillingEffect. search: the marks of the states that the index of the search may be of,
  -- see Marks.
  CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
`;
