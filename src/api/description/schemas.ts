import { type Schema, VALUES } from "./values.ts";

const { id: ID, topic: TOPIC, hash: HASH } = VALUES;
const COUNT: Schema = { type: "integer", minimum: 0 };
const TEXT: Schema = { type: "string" };
const TIME: Schema = { type: "string", format: "date-time" };
const FLAG: Schema = { type: "boolean" };

const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: "null" }] });
/** A reference to one of the {@link SCHEMAS}. */
export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const listOf = (items: Schema): Schema => ({ type: "array", items });

/** An object with all of these members, and no others but the optional ones. */
function members(all: Record<string, Schema>, optional: Record<string, Schema> = {}): Schema {
  return {
    type: "object",
    properties: { ...optional, ...all },
    required: Object.keys(all),
    additionalProperties: false,
  };
}
const BASE64: Schema = {
  type: "string",
  contentEncoding: "base64",
  pattern: "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$",
};

const INLINE = {
  content: { ...TEXT, description: "the content, where it is UTF-8" },
  content_base64: BASE64,
  content_size: { ...COUNT, description: "the size of content that is too large to be inline" },
  content_error: { ...TEXT, description: "the code of the error, where it is damaged or missing" },
};
const TTL: Schema = {
  type: "string",
  pattern: "^(forever|ephemeral|(time|until|last):[1-9][0-9]*)$",
};
const META: Schema = { description: "any JSON value" };
const PROCESSOR = members({ kind: TEXT, name: TEXT, spawn_id: ID });
const KEPT = { pattern: TEXT, age_ms: orNull(COUNT), count: orNull(COUNT) };
const TOKEN = {
  name: TEXT,
  read: listOf(TEXT),
  append: listOf(TEXT),
  keys: orNull(TEXT),
  cors: orNull(TEXT),
  all: FLAG,
  created: TIME,
  expires: orNull(TIME),
  last_use: orNull(TIME),
  days_left: orNull(COUNT),
};
const ENTRY = { key: TEXT, rev: ID, size: COUNT, type: TEXT };
const BY = { by: { ...TEXT, description: "the handler that wrote it" } };
const IMPORTED = {
  missing: COUNT,
  stay_removed: COUNT,
  left_out: COUNT,
  starts: listOf(PROCESSOR),
  scheduled: COUNT,
  ends: listOf(PROCESSOR),
};
const FREED = { contents: COUNT, bytes: COUNT };
const TOMBSTONES = { tombstones: COUNT };

const NULL: Schema = { type: "null" };
/** What a frame of a batch may have beside its topic and its content; null counts as absent. */
const ASKED = {
  hash: NULL,
  content: NULL,
  content_base64: NULL,
  meta: META,
  ttl: orNull(VALUES.ttl),
  at: orNull(VALUES.moment),
};

/** The shapes of JSON that requests and responses have, by the names in `components.schemas`. */
export const SCHEMAS = {
  Frame: {
    description: "one event",
    ...members(
      { topic: TOPIC, id: ID, hash: orNull(HASH), meta: META, ttl: TTL },
      { timestamp: TIME, ...INLINE },
    ),
  },
  TracedFrame: {
    description: "an event that another came of, or that came of it",
    ...members(
      { topic: TOPIC, id: ID, hash: orNull(HASH), meta: META, ttl: TTL },
      { timestamp: TIME, depth: { ...COUNT, description: "how many steps away it is" }, ...INLINE },
    ),
  },
  FoundFrame: {
    description: "a frame, and where it has the words that were looked for",
    ...members(
      {
        topic: TOPIC,
        id: ID,
        hash: orNull(HASH),
        meta: META,
        ttl: TTL,
        snippet: members({
          in: { enum: ["content", "meta", "topic"] },
          text: TEXT,
          matches: listOf({ ...listOf(COUNT), minItems: 2, maxItems: 2 }),
        }),
      },
      { timestamp: TIME },
    ),
  },
  Scheduled: {
    description: "an append that is kept until it is due",
    ...members({ scheduled: ID, at: TIME, topic: TOPIC }),
  },
  Schedule: {
    anyOf: [
      members({ scheduled: ID, at: TIME, topic: TOPIC, hash: orNull(HASH), meta: META, ttl: TTL }),
      members({ scheduled: TEXT, at: orNull(TIME), error: TEXT }),
    ],
  },
  BatchLine: {
    description: "a frame of a batch; also the whole line of a read, which gets a new id",
    anyOf: [
      members({ topic: TOPIC }, ASKED),
      members({ topic: TOPIC, content: TEXT }, ASKED),
      members({ topic: TOPIC, content_base64: BASE64 }, ASKED),
      members({ topic: TOPIC, hash: HASH }, ASKED),
      ref("Frame"),
    ],
  },
  ImportLine: {
    description: "a frame as a read returns it, also with its content",
    ...members(
      { topic: TOPIC, id: ID },
      { hash: orNull(HASH), meta: META, ttl: orNull(TEXT), timestamp: TIME, ...INLINE },
    ),
  },
  Imported: {
    description: "the counts of an import",
    ...members({ frames: COUNT, added: COUNT }, { contents: COUNT, pairs: COUNT, ...IMPORTED }),
  },
  Entry: { description: "an entry of the k/v store", ...members(ENTRY, BY) },
  Change: {
    description: "an entry as a watcher gets it, its deletion, or a threshold or a pulse",
    anyOf: [
      members(ENTRY, { value: META, base64: BASE64, ...BY }),
      members({ key: TEXT, rev: ID, deleted: { const: true } }, BY),
      ref("Frame"),
    ],
  },
  Rule: { description: "a rule of retention", ...members(KEPT) },
  AppliedRule: {
    description: "a rule of retention, and whether it is applied now",
    ...members({ ...KEPT, applied: FLAG }),
  },
  Forgotten: {
    anyOf: [
      members({ frames: COUNT, kept: COUNT, damaged: COUNT }, FREED),
      members({ removed: COUNT }),
      members({ counted: COUNT }),
    ],
  },
  Freed: members(FREED, TOMBSTONES),
  Compacted: {
    anyOf: [
      members(
        {
          ...FREED,
          database: members({
            free: COUNT,
            size: COUNT,
            seconds: { type: "number" },
            beside: COUNT,
          }),
        },
        TOMBSTONES,
      ),
      members({ given_back: { type: "integer" }, size: COUNT }),
    ],
  },
  Checked: {
    anyOf: [
      members({ problem: TEXT }),
      members({ checked: members({ frames: COUNT, contents: COUNT, pairs: COUNT }) }),
      members({ frames: COUNT, contents: COUNT, pairs: COUNT, staged: COUNT, problems: COUNT }),
      members({
        node: VALUES["node name"],
        record: orNull(COUNT),
        differs: listOf(TEXT),
        problem: orNull(TEXT),
      }),
      members({ record: orNull(COUNT), nodes: COUNT, problems: COUNT }),
    ],
  },
  RunningProcessor: {
    ...members(
      {
        kind: TEXT,
        name: TEXT,
        state: TEXT,
        spawn_id: ID,
        runtime: orNull(TEXT),
        pid: orNull(COUNT),
        uptime_ms: orNull({ type: "number" }),
        restarts: COUNT,
        last_exit: orNull(members({ code: orNull({ type: "integer" }), signal: orNull(TEXT) })),
        behind_ms: orNull({ type: "number" }),
        retry: orNull(
          members({
            frame_id: ID,
            failures: COUNT,
            retries: COUNT,
            at: TIME,
            reason: orNull(TEXT),
          }),
        ),
        every: orNull(TEXT),
        tz: orNull(TEXT),
        next: orNull(TIME),
      },
      { reason: orNull(TEXT), ended: orNull(TIME), node: orNull(TEXT) },
    ),
  },
  Version: members({ version: TEXT }),
  Topic: members({
    topic: TOPIC,
    frames: { ...COUNT, minimum: 1 },
    first: { ...ID, description: "the id of its oldest frame" },
    last: { ...ID, description: "the id of its newest frame" },
  }),
  Histogram: members({
    since: { ...COUNT, description: "the first moment, in ms since 1970" },
    step: { ...COUNT, minimum: 1, description: "how long each part is, in ms" },
    counts: { ...listOf(COUNT), description: "how many frames each part has" },
  }),
  Info: {
    description: "facts about the store; a token gets those that concern it, and what it may do",
    anyOf: [
      members(
        {
          version: TEXT,
          serves: FLAG,
          path: TEXT,
          first: orNull(ID),
          last: orNull(ID),
          frames: COUNT,
          topics: COUNT,
          entries: COUNT,
          database_bytes: COUNT,
          free_bytes: COUNT,
          schema: COUNT,
          writable: FLAG,
          features: { type: "object", additionalProperties: FLAG },
        },
        { reason: TEXT, server: { type: "object" } },
      ),
      members(
        {
          version: TEXT,
          serves: FLAG,
          token: members({
            name: TEXT,
            read: listOf(TEXT),
            append: listOf(TEXT),
            keys: orNull(TEXT),
            all: FLAG,
          }),
        },
        { first: orNull(ID), last: orNull(ID) },
      ),
    ],
  },
  Health: members({ status: { const: "ok" } }),
  TokenRequest: {
    description: "what a token is for: at least one of read, append and keys",
    ...members(
      { name: VALUES["token name"] },
      {
        read: orNull({ anyOf: [VALUES.topics, listOf(VALUES.topics)] }),
        append: orNull({ anyOf: [VALUES.topics, listOf(VALUES.topics)] }),
        keys: orNull(VALUES.prefix),
        cors: orNull({
          type: "string",
          pattern: "^https?://[a-z][a-z0-9]*(-[a-z0-9]+)*(\\.[a-z][a-z0-9]*)*(:[1-9][0-9]{0,3})?$",
        }),
        days: orNull({ type: "integer", minimum: 1, maximum: 36_500 }),
        all: FLAG,
      },
    ),
    anyOf: [
      { required: ["read"], properties: { read: { type: ["string", "array"], minItems: 1 } } },
      { required: ["append"], properties: { append: { type: ["string", "array"], minItems: 1 } } },
      { required: ["keys"], properties: { keys: { type: "string", minLength: 1 } } },
    ],
  },
  Node: {
    description: "a node, or the journal",
    anyOf: [
      members({
        kind: { const: "node" },
        name: VALUES["node name"],
        role: { type: "string", enum: ["leader", "follower", "away"] },
        epoch: orNull(COUNT),
        record: orNull(COUNT),
        behind: orNull(COUNT),
        behind_ms: orNull(COUNT),
        contents: orNull(COUNT),
        content_bytes: orNull(COUNT),
        contents_elsewhere: orNull(COUNT),
        disk_free_bytes: orNull(COUNT),
        clock_ms: orNull({ type: "integer" }),
        version: orNull(TEXT),
        host: orNull(TEXT),
        address: orNull(TEXT),
        last_seen: orNull(TEXT),
        problem: orNull(TEXT),
      }),
      members({
        kind: { const: "journal" },
        name: TEXT,
        first: orNull(COUNT),
        last: COUNT,
        reachable: FLAG,
        replicas: orNull(COUNT),
        leader: orNull(TEXT),
        append_ms: orNull({ type: "number" }),
      }),
    ],
  },
  Finding: members({ ok: FLAG, what: TEXT, mend: orNull(TEXT) }),
  Token: members(TOKEN),
  NewToken: {
    description: "a token, this once",
    ...members({ token: TEXT, ...TOKEN }),
  },
} as const satisfies Record<string, Schema>;

/** The name of such a shape. */
export type SchemaName = keyof typeof SCHEMAS;
