import type { Phrase, SearchQuery } from "./search-query.ts";
import { type Word, wordsIn } from "./words.ts";

/** The texts of a frame in which a search looks. */
export interface SearchTexts {
  readonly topic: string;
  /** The strings and numbers in the meta, at any depth, in their order. */
  readonly meta: readonly string[];
  /** Undefined where there is none, or none that is text. */
  readonly content: string | undefined;
}

/** A piece of one of the texts, with the places of the words that were looked for. */
export interface Snippet {
  readonly in: "content" | "meta" | "topic";
  readonly text: string;
  /** The places in `text`, each from and up to a character, counted as code points. */
  readonly matches: readonly (readonly [from: number, to: number])[];
}

/** About how many UTF-16 units of a text a snippet has, and how many of them before the first match. */
const SNIPPET_UNITS = 160;
const BEFORE_UNITS = 40;
/** The first match is shown whole, as long as the snippet stays within this many units. */
const MOST_UNITS = 240;
/** The mark of a cut. */
const CUT = "…";

/** The strings and numbers in JSON, as they are written there, without the keys of objects. */
export function textsOfMeta(json: string): string[] {
  const texts: string[] = [];
  for (const [part] of json.matchAll(/"(?:[^"\\]|\\.)*":?|-?[0-9][0-9.eE+-]*/g)) {
    if (!part.startsWith('"')) texts.push(part);
    else if (!part.endsWith(":")) texts.push(JSON.parse(part) as string);
  }
  return texts;
}

/** Finds what a query looks for. Returns undefined where the texts are not what it wants. */
export function matchTexts(query: SearchQuery, texts: SearchTexts): Snippet | undefined {
  if (query.topics?.takes(texts.topic) === false) return undefined;
  const fields = fieldsOf(texts);
  const has = (phrase: Phrase) => fields.some(({ words }) => occursIn(phrase, words));
  if (query.unwanted.some(has) || !query.wanted.every(has)) return undefined;
  let best = fields[0];
  let most = 0;
  if (query.wanted.length === 1)
    best = fields.find(({ words }) => occursIn(query.wanted[0] as Phrase, words));
  else
    for (const field of fields) {
      const count = query.wanted.filter((phrase) => occursIn(phrase, field.words)).length;
      if (count > most) [best, most] = [field, count];
    }
  return best && snippetOf(best, query.wanted);
}

interface Field {
  readonly in: Snippet["in"];
  readonly text: string;
  readonly words: readonly Word[];
}

/** The texts in the order in which people look at them: a snippet is of the first that has most. */
function fieldsOf({ topic, meta, content }: SearchTexts): Field[] {
  const field = (name: Snippet["in"], text: string) => ({
    in: name,
    text,
    words: wordsIn(text),
  });
  return [
    ...(content === undefined ? [] : [field("content", content)]),
    ...meta.map((text) => field("meta", text)),
    field("topic", topic),
  ];
}

function occursIn(phrase: Phrase, words: readonly Word[]): boolean {
  for (let at = 0; at + phrase.words.length <= words.length; at++) {
    if (isAt(phrase, words, at)) return true;
  }
  return false;
}

function isAt({ words: wanted, isPrefix }: Phrase, words: readonly Word[], at: number): boolean {
  const last = wanted.length - 1;
  return wanted.every((word, n) => {
    const found = words[at + n]?.text ?? "";
    return isPrefix && n === last ? found.startsWith(word) : found === word;
  });
}

function snippetOf({ in: name, text, words }: Field, wanted: readonly Phrase[]): Snippet {
  const places: [number, number][] = [];
  for (let at = 0; at < words.length; at++) {
    for (const phrase of wanted) {
      if (!isAt(phrase, words, at)) continue;
      const start = words[at]?.start ?? 0;
      const end = words[at + phrase.words.length - 1]?.end ?? start;
      const last = places.at(-1);
      // Two phrases may overlap.
      if (last && start < last[1]) last[1] = Math.max(last[1], end);
      else places.push([start, end]);
    }
  }
  const first = places[0]?.[0] ?? 0;
  const from = startOf(text, first);
  const whole = Math.max(endOf(text, from), places[0]?.[1] ?? 0);
  const to = wholeAt(text, Math.min(whole, from + MOST_UNITS));
  const before = from > 0 ? CUT : "";
  const cut = `${before}${text.slice(from, to)}${to < text.length ? CUT : ""}`;
  const position = (unit: number) => before.length + lengthOf(text.slice(from, unit));
  const matches = places
    .filter(([, end], n) => n === 0 || end <= to)
    .map(([start, end]) => [position(start), position(Math.min(end, to))] as const);
  return { in: name, text: cut, matches };
}

function lengthOf(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Where a snippet begins: at the line of the first match, or at a word a little before it. */
function startOf(text: string, first: number): number {
  const earliest = Math.max(0, first - BEFORE_UNITS);
  const before = text.slice(earliest, first);
  const line = before.lastIndexOf("\n");
  if (line >= 0) return earliest + line + 1;
  if (earliest === 0) return 0;
  const space = before.search(/\s/);
  return space < 0 ? wholeAt(text, earliest) : earliest + space + 1;
}

/** Where a snippet ends: not within a word that fits, and never within a character. */
function endOf(text: string, from: number): number {
  if (from + SNIPPET_UNITS >= text.length) return text.length;
  const end = wholeAt(text, from + SNIPPET_UNITS);
  const space = text.slice(from, end).search(/\s\S*$/);
  return space > SNIPPET_UNITS / 2 ? from + space : end;
}

/** The place itself, or the one before where it is between the halves of a character. */
function wholeAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code <= 0xdfff ? at - 1 : at;
}
