// Loaded only for the description of the API, which the table of routes names by the keys here.

/** A JSON Schema (2020-12), as OpenAPI 3.1 has it. */
export type Schema = { readonly [keyword: string]: unknown };

const TOPIC = "[A-Za-z_][A-Za-z0-9_-]*(\\.[A-Za-z0-9_-]+)*";
const PATTERN = "(\\*|[A-Za-z_][A-Za-z0-9_-]*)(\\.(\\*|[A-Za-z0-9_-]+))*";
/** Ids of the next eight thousand years; the last 45 are left out, because no expression has their end. */
const ID = "([0-9a-e][0-9a-z]|f[0-4])[0-9a-z]{23}";
const AGE = "[0-9]{1,7}[smhdw]";
const CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]";
const OFFSET = "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])";
/** A day from 1970 to 2099 that there is. */
const DAY = `((19[7-9][0-9]|20[0-9]{2})-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|(19(72|76|8[048]|9[26])|20([02468][048]|[13579][26]))-02-29)`;
const MOMENT = `${DAY}(T${CLOCK}(:[0-5][0-9](\\.[0-9]{1,9})?)?${OFFSET}?)?`;

const matching = (pattern: string, more: Schema = {}): Schema => ({
  type: "string",
  pattern: `^${pattern}$`,
  ...more,
});

/** What the text of an option, of a header or of a name in a path may be. */
export const VALUES = {
  flag: { type: "string", enum: ["", "true", "yes", "false", "no"], default: "false" },
  inline: { type: "string", enum: ["inline"] },
  count: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
  "count from 1": { type: "integer", minimum: 1, maximum: 999_999_999_999_999 },
  steps: { type: "integer", minimum: 1, maximum: 1000 },
  milliseconds: { type: "integer", minimum: 0, maximum: 2 ** 31 - 1 },
  follow: {
    anyOf: [
      { type: "string", enum: ["", "true", "yes", "false", "no"] },
      { type: "integer", minimum: 1, maximum: 2 ** 31 - 1 },
    ],
    default: "false",
  },
  order: { type: "string", enum: ["asc", "desc", "arrival"], default: "asc" },
  chunked: { type: "string", enum: ["bytes", "lines", "sse"] },
  id: matching(ID),
  "id or none": matching(`(${ID}|none)`),
  topic: matching(TOPIC, { maxLength: 255 }),
  topics: matching(`(!${PATTERN},)*${PATTERN}(,!?${PATTERN})*`),
  hash: matching("sha256-[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]="),
  key: matching("[^\\u0000]+", { maxLength: 512 }),
  prefix: matching("[^\\u0000]*", { maxLength: 512 }),
  "node name": matching("[A-Za-z0-9_-]{1,64}"),
  "token name": matching("[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}"),
  time: matching(`(${MOMENT}|${AGE})`),
  moment: matching(MOMENT),
  age: matching("[1-9][0-9]{0,6}[smhdw]"),
  "age or milliseconds": matching("([0-9]{1,15}|[0-9]{1,7}[smhdw])"),
  ttl: matching(
    `(forever|ephemeral|time:[1-9][0-9]{0,14}|time:[1-9][0-9]{0,6}[smhdw]|last:[1-9][0-9]{0,14}|until:([1-9][0-9]{0,14}|${MOMENT}))`,
    { default: "forever" },
  ),
  "idempotency key": matching("[!-~]{1,255}"),
  record: matching("[0-9]{1,15}"),
  query: {
    type: "string",
    description: 'words, "a phrase", pre*, -not, topic:a.*; docs/protocol.md has its grammar',
  },
  text: { type: "string" },
} as const satisfies Record<string, Schema>;

/** The name of such a type of text. */
export type ValueType = keyof typeof VALUES;
