import type { Database } from "bun:sqlite";
import { contentOfChunkKey } from "../../../core/index-keys.ts";
import { hasStarInside, splitList, TopicFilter } from "../../../core/pattern.ts";
import type { FrameSearch } from "./frame-search.ts";
import { type NameCondition, nameCondition } from "./name-condition.ts";
import type { Topics } from "./topics.ts";

/** Patterns with a `*` inside that are each looked up by an index. With more, all names are read once. */
const MAX_STARRED = 8;
/** Filters whose topics are remembered, and numbers in all of them together. */
const MAX_KNOWN = 16;
const MAX_KNOWN_NUMBERS = 200_000;
/** What was found holds as long as no more frames came than these, and one for so many of its own. */
const MAX_ADDED = 100;
const ADDED_SHARE = 4;

/**
 * What a page selects by: topics, by their numbers and with the number of their frames if they are several; all topics
 * but some; or the chunks of one content.
 */
export type Selection =
  | { readonly kind: "all" }
  | { readonly kind: "except"; readonly topics: readonly number[] }
  | ({ readonly kind: "topics" } & Found)
  | { readonly kind: "chunks"; readonly of: string };

interface Found {
  readonly topics: readonly number[];
  readonly frames: number;
}

/** What was found for a filter. */
interface Known {
  readonly found: Found;
  /** How often topics had come and gone. */
  readonly changes: number;
  /** The frames that had come. */
  readonly arrivals: number;
}

/** Finds the topics that filters take. Each page asks again, so a topic that appears during a read is among them. */
export class Selector {
  readonly #db: Database;
  readonly #topics: Topics;
  readonly #search: FrameSearch;
  /** What was found lately, by filter, the oldest first: the pages of a read need not all look at all names. */
  readonly #known = new Map<string, Known>();
  #knownNumbers = 0;

  constructor(db: Database, { topics, search }: { topics: Topics; search: FrameSearch }) {
    this.#db = db;
    this.#topics = topics;
    this.#search = search;
  }

  /** What a topic filter, or the key of chunks, selects. @param keys undefined for all frames */
  select(keys: readonly string[] | undefined): Selection {
    if (!keys) return { kind: "all" };
    if (keys[0] === "*") return this.#allBut(keys);
    const [only = ""] = keys;
    if (keys.length > 1 || only.includes("*")) return { kind: "topics", ...this.#matching(keys) };
    const content = contentOfChunkKey(only);
    if (content !== undefined) return { kind: "chunks", of: content };
    const topic = this.#topics.find(only);
    return { kind: "topics", topics: topic === undefined ? [] : [topic], frames: 0 };
  }

  /** The numbers of the topics that a topic filter takes. @param list undefined for all */
  numbersOf(list: readonly string[] | undefined): readonly number[] {
    return this.#matching(list ?? ["*"]).topics;
  }

  /** Selects by the topics that are taken away, unless most frames are theirs. */
  #allBut(list: readonly string[]): Selection {
    const away = this.#matching(splitList(list).away);
    if (away.topics.length === 0) return { kind: "all" };
    if (away.frames * 2 <= this.#search.ends.seq) return { kind: "except", topics: away.topics };
    return { kind: "topics", ...this.#matching(list) };
  }

  #matching(list: readonly string[]): Found {
    const key = list.join();
    const known = this.#known.get(key);
    if (known && this.#holds(known)) return known.found;
    const found = this.#find(list);
    const { changes, arrivals } = this.#topics;
    this.#keep(key, { found, changes, arrivals });
    return found;
  }

  /** Whether the topics are the same, and have nearly as many frames. */
  #holds({ found, changes, arrivals }: Known): boolean {
    const more = this.#topics.arrivals - arrivals;
    return changes === this.#topics.changes && more <= MAX_ADDED + found.frames / ADDED_SHARE;
  }

  #keep(key: string, known: Known): void {
    this.#drop(key);
    this.#known.set(key, known);
    this.#knownNumbers += known.found.topics.length;
    for (const oldest of this.#known.keys()) {
      const isMuch = this.#known.size > MAX_KNOWN || this.#knownNumbers > MAX_KNOWN_NUMBERS;
      if (!isMuch || oldest === key) return;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    this.#knownNumbers -= this.#known.get(key)?.found.topics.length ?? 0;
    this.#known.delete(key);
  }

  #find(list: readonly string[]): Found {
    const { taken, away } = splitList(list);
    const starred = taken.filter(hasStarInside);
    const others = taken.filter((each) => !hasStarInside(each));
    const isExact = starred.length === 0 && away.length === 0;
    const filter = new TopicFilter(list);
    // Several patterns may take one topic.
    const counts = new Map<number, number>();
    for (const pattern of starred.length > MAX_STARRED ? ["*", ...others] : taken) {
      for (const { topic, name, frames } of this.#rows(nameCondition(pattern))) {
        if (isExact || filter.takes(name)) counts.set(topic, frames);
      }
    }
    let total = 0;
    for (const [topic, frames] of counts) total += frames + this.#topics.newer(topic);
    return { topics: [...counts.keys()], frames: total };
  }

  #rows({ sql, values }: NameCondition): Iterable<{ topic: number; name: string; frames: number }> {
    const statement = this.#db.query(`SELECT topic, name, frames FROM topics WHERE ${sql}`);
    return statement.iterate(...values) as Iterable<never>;
  }
}
