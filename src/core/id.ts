import { Scru128Generator, Scru128Id } from "scru128";
import { quoted, XsError } from "./error.ts";

/** The largest SCRU128 id, 2^128 - 1 in base 36. */
const MAX_ID = "f5lxx1zz5pnorynqglhzmsp33";

/** An import refuses an id further ahead of the clock than this. */
const MAX_AHEAD_MS = 24 * 60 * 60 * 1000;
/** The newest time an imported id may have: a day before the last time an id can hold, so that ids can follow. */
const NEWEST_MS = 2 ** 48 - MAX_AHEAD_MS;

/** The greatest value of each counter in an id, of 24 bits. */
const MAX_COUNTER = 2 ** 24 - 1;

/** Tells whether a text is a SCRU128 id, in lower or upper case. */
export function isId(text: string): boolean {
  const id = text.toLowerCase();
  return /^[0-9a-z]{25}$/.test(id) && id <= MAX_ID;
}

/**
 * Parses a SCRU128 id (https://github.com/scru128/spec) and returns its canonical form: 25 lower-case
 * base36 digits, so that ids compare as text.
 *
 * @throws XsError `bad_id`
 */
export function parseId(text: string): string {
  if (isId(text)) return text.toLowerCase();
  throw new XsError("bad_id", `${quoted(text)} is not an id: an id is 25 base36 digits (SCRU128)`);
}

/** The time in an id, in milliseconds since 1970. */
export function timestampOf(id: string): number {
  return Scru128Id.fromString(id).timestamp;
}

/**
 * Refuses an id far ahead of the clock: all later ids would have to be greater.
 *
 * @param now in ms since 1970
 * @param allowed accepts it anyway, unless no id could follow it
 * @throws XsError `id_ahead`
 */
export function checkAhead(id: string, now: number, allowed = false): void {
  const time = timestampOf(id);
  if (time <= (allowed ? NEWEST_MS : now + MAX_AHEAD_MS)) return;
  throw new XsError(
    "id_ahead",
    allowed
      ? `the id ${quoted(id)} is so close to the largest id that none could come after it`
      : `the id ${quoted(id)} is more than a day ahead of the clock, at ${new Date(time).toISOString()}: set the clock right or, if the ids are right, import them with  xs import --ahead  (POST /import?ahead); all later ids then follow them`,
  );
}

/** The id that follows another in the order of ids: what lies between two commits is counted with it. */
export function successor(id: string, count = 1n): string {
  const next = BigInt(`0x${Buffer.from(Scru128Id.fromString(id).bytes).toString("hex")}`) + count;
  return next.toString(36).padStart(25, "0");
}

/** The greatest text below an id that sorts above every smaller id: ids all have 25 digits. */
export function predecessor(id: string): string {
  return id.slice(0, -1) + String.fromCharCode(id.charCodeAt(24) - 1);
}

/** The lowest id of a time, in ms since 1970: ids of earlier times are below it. */
export function firstIdAt(ms: number): string {
  return Scru128Id.fromFields(ms, 0, 0, 0).toString();
}

/**
 * Makes an id of a time, in ms since 1970.
 *
 * @param above an id of that time, if there is one: the new one is the next above it, but for random bits
 */
export function idOfTime(ms: number, above?: string): string {
  const [random = 0, hi = 0, lo = 0] = crypto.getRandomValues(new Uint32Array(3));
  if (above !== undefined) {
    const { counterHi, counterLo } = Scru128Id.fromString(above);
    if (counterLo < MAX_COUNTER) {
      return Scru128Id.fromFields(ms, counterHi, counterLo + 1, random).toString();
    }
    if (counterHi < MAX_COUNTER)
      return Scru128Id.fromFields(ms, counterHi + 1, 0, random).toString();
  }
  // The upper half of the counters stays free for those that come after it.
  return Scru128Id.fromFields(ms, hi >>> 9, lo >>> 8, random).toString();
}

/** The four fields of a SCRU128 id, as `xs scru128 unpack` shows them. */
export interface IdFields {
  ts_ms: number;
  counter_hi: number;
  counter_lo: number;
  /** The 32 random bits, 8 hexadecimal digits. */
  node: string;
}

/** Takes an id apart. Inverse of {@link packId}. @throws XsError `bad_id` */
export function unpackId(text: string): IdFields {
  const id = Scru128Id.fromString(parseId(text));
  return {
    ts_ms: id.timestamp,
    counter_hi: id.counterHi,
    counter_lo: id.counterLo,
    node: id.entropy.toString(16).padStart(8, "0"),
  };
}

/** Puts an id together from its fields. @throws XsError `bad_id` */
export function packId(fields: unknown): string {
  const { ts_ms, counter_hi, counter_lo, node } = (fields ?? {}) as Partial<IdFields>;
  if (typeof node !== "string" || !/^[0-9a-f]{8}$/i.test(node)) {
    throw new XsError("bad_id", '"node" must be 8 hexadecimal digits, like "0a1b2c3d"');
  }
  for (const [name, value, bits] of [
    ["ts_ms", ts_ms, 48],
    ["counter_hi", counter_hi, 24],
    ["counter_lo", counter_lo, 24],
  ] as const) {
    if (!Number.isInteger(value) || (value as number) < 0 || (value as number) >= 2 ** bits) {
      throw new XsError("bad_id", `"${name}" must be a whole number of at most ${bits} bits`);
    }
  }
  return Scru128Id.fromFields(
    ts_ms as number,
    counter_hi as number,
    counter_lo as number,
    Number.parseInt(node, 16),
  ).toString();
}

/**
 * Makes ids that strictly increase, even if the clock goes back. A store seeds the sequence with its
 * newest id, so that ids increase across restarts as well.
 */
export class IdSequence {
  readonly #generator = new Scru128Generator();
  readonly #now: () => number;
  #newest = "";
  #newestMs = 0;
  /** No id gets an earlier timestamp than this, in ms. The generator takes none below 1. */
  #floor = 1;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** The newest id that was made, or passed to {@link advancePast}; "" before the first. */
  get newest(): string {
    return this.#newest;
  }

  /** The time in the newest id, in ms since 1970. */
  get newestMs(): number {
    return this.#newestMs;
  }

  /** Makes the next id. */
  next(): string {
    const made = this.#generator.generateOrAbortCore(Math.max(this.#now(), this.#floor), 10_000);
    // The generator fails only for a time far below its last one, and the floor prevents that.
    if (made === undefined) throw new XsError("internal", "the id sequence lost its place");
    this.#floor = made.timestamp;
    this.#newestMs = made.timestamp;
    this.#newest = made.toString();
    return this.#newest;
  }

  /** Leaves a gap of more than 2^32 ids before the next one. */
  skip(): void {
    this.#generator.generateOrAbortCore(Math.max(this.#now(), this.#floor), 10_000);
  }

  /** Makes every later id greater than `id`. */
  advancePast(id: string): void {
    if (id <= this.#newest) return;
    this.#newest = id;
    this.#newestMs = timestampOf(id);
    this.#floor = this.#newestMs + 1;
  }
}
