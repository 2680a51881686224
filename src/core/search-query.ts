import { quoted, XsError } from "./error.ts";
import { parseTopicFilter, TopicFilter } from "./pattern.ts";
import { wordsIn } from "./words.ts";

/** Words that follow each other in a text; the last may be the beginning of one. */
export interface Phrase {
  /** Folded, as `wordsIn` yields them; at least one. */
  readonly words: readonly string[];
  readonly isPrefix: boolean;
}

/** What a search looks for: frames with all of these phrases, and with none of those. */
export interface SearchQuery {
  readonly wanted: readonly Phrase[];
  readonly unwanted: readonly Phrase[];
  /** Takes the topics whose frames are looked at; undefined for all. */
  readonly topics: TopicFilter | undefined;
}

/** The longest query, in UTF-16 units, and the most phrases in it. */
const MAX_QUERY = 4096;
const MAX_PHRASES = 64;

const TOPIC = "topic:";
/** A part of a query: a minus, the name of a filter, a phrase in quotes or a word, and a star. */
const PART =
  /(?<not>-?)(?<topic>topic:)?(?:"(?<phrase>[^"]*)(?<close>"?)(?<star>\*?)|(?<word>[^\s"]+))/gy;

/**
 * Parses a query: words that all have to be there, `"a phrase"`, `pre*`, `-not`, `topic:a.*`. Several `topic:` are
 * alternatives. Other characters part the words of a phrase: `a-b` is `"a b"`.
 *
 * @throws XsError `bad_query`, `bad_topic`
 */
export function parseSearchQuery(text: string): SearchQuery {
  if (text.length > MAX_QUERY) {
    throw bad(`a query has at most ${MAX_QUERY} characters, and this one has ${text.length}`);
  }
  const wanted: Phrase[] = [];
  const unwanted: Phrase[] = [];
  const topics: string[] = [];
  const others: string[] = [];
  for (const { not, topic, phrase, close, star, word = "" } of partsOf(text)) {
    if (phrase !== undefined && close !== '"') {
      throw bad(`the quotation mark before ${quoted(phrase)} has no second one: add it`);
    }
    const pattern = topic ? (phrase ?? word) : word === TOPIC ? "" : undefined;
    if (pattern === "") throw bad("topic: needs a pattern right behind it, as in topic:a.*");
    if (pattern !== undefined) {
      (not ? others : topics).push(pattern);
      continue;
    }
    const isPrefix = phrase === undefined ? word.endsWith("*") : star === "*";
    const words = wordsIn(phrase ?? word).map((each) => each.text);
    if (words.length > 0) (not ? unwanted : wanted).push({ words, isPrefix });
  }
  const count = wanted.length + unwanted.length;
  if (count > MAX_PHRASES) throw bad(`a query has at most ${MAX_PHRASES} words and phrases`);
  if (count + topics.length + others.length === 0) throw nothing(text);
  const away = others.flatMap((list) => list.split(",")).map((each) => `!${each}`);
  const list = parseTopicFilter([...(topics.length > 0 ? topics : ["*"]), ...away].join(","));
  return { wanted, unwanted, topics: list && new TopicFilter(list) };
}

interface Part {
  readonly not?: string;
  readonly topic?: string;
  readonly phrase?: string;
  readonly close?: string;
  readonly star?: string;
  readonly word?: string;
}

function* partsOf(text: string): Generator<Part> {
  for (let at = 0; ; ) {
    while (/\s/.test(text[at] ?? "")) at++;
    if (at >= text.length) return;
    PART.lastIndex = at;
    const found = PART.exec(text);
    if (found) {
      yield found.groups as Part;
      at = PART.lastIndex;
    } else {
      // A minus alone.
      at++;
    }
  }
}

function nothing(text: string): XsError {
  const what = text.trim() === "" ? "the query is empty" : `there is no word in ${quoted(text)}`;
  return bad(
    `${what}: a query is words, "a phrase", pre*, -not and topic:a.*, and a word has letters or digits`,
  );
}

function bad(problem: string): XsError {
  return new XsError("bad_query", problem);
}
