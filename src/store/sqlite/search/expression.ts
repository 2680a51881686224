import type { Phrase, SearchQuery } from "../../../core/search-query.ts";

/** The columns that words are looked for in, and the one with {@link ALL} and the numbers of topics. */
const TEXTS = "{topic meta content}";
const AT = "at";

/** The word of every frame: FTS5 finds nothing by what is not there alone. */
export const ALL = "all";

/** The word of a topic in the column `at`. */
export function topicWord(topic: number): string {
  return `t${topic}`;
}

/**
 * The expression of FTS5 that finds at least what a query wants. Words are letters and digits, and stand in quotes: no
 * word is an operator. It also finds phrases that span two texts: the reader of the texts leaves those out.
 *
 * @param topics the only topics to look at; undefined for all
 */
export function expressionOf(
  { wanted, unwanted }: SearchQuery,
  topics: readonly number[] | undefined,
): string {
  const needed = wanted.map((phrase) => `${TEXTS} : ${quotedPhrase(phrase)}`);
  if (topics)
    needed.push(`${AT} : (${topics.map((topic) => `"${topicWord(topic)}"`).join(" OR ")})`);
  if (needed.length === 0) needed.push(`${AT} : "${ALL}"`);
  const all = needed.map((part) => `(${part})`).join(" AND ");
  // Of a phrase that may span two texts, the index does not know whether it is there.
  const not = unwanted.filter(({ words }) => words.length === 1);
  if (not.length === 0) return all;
  return `(${all}) NOT (${not.map((phrase) => `(${TEXTS} : ${quotedPhrase(phrase)})`).join(" OR ")})`;
}

function quotedPhrase({ words, isPrefix }: Phrase): string {
  return `"${words.join(" ")}"${isPrefix ? " *" : ""}`;
}
