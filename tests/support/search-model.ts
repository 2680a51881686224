import type { Frame } from "../../src/core/frame.ts";
import { parseSearchQuery } from "../../src/core/search-query.ts";
import type { SearchHit } from "../../src/store/search.ts";
import type { Store } from "../../src/store/store.ts";
import { readAll } from "./store.ts";
import { topicMatcher } from "./topics.ts";

/** A part of a query, as a person means it. */
export interface Wish {
  readonly words: readonly string[];
  readonly isPrefix?: boolean;
  readonly isNot?: boolean;
}

/** A query, as a person means it. */
export interface Wishes {
  readonly wishes: readonly Wish[];
  readonly topics?: readonly string[];
}

/** How a person writes it. */
export function queryText({ wishes, topics }: Wishes): string {
  const parts = wishes.map(({ words, isPrefix, isNot }) => {
    const phrase = words.length > 1 ? `"${words.join(" ")}"` : (words[0] ?? "");
    return `${isNot ? "-" : ""}${phrase}${isPrefix ? "*" : ""}`;
  });
  return [...parts, ...(topics ? [`topic:${topics.join(",")}`] : [])].join(" ");
}

/** The words of a text of letters with and without accents, and of digits. */
function wordsOf(text: string): string[] {
  return text
    .normalize("NFD")
    .replaceAll(/[\u0300-\u036f]/g, "")
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "");
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string" || typeof value === "number") return [String(value)];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

function hasIn(text: string, wish: Wish): boolean {
  const have = wordsOf(text);
  const want = wish.words.flatMap(wordsOf);
  return have.some((_, at) =>
    want.every((word, n) => {
      const found = have[at + n] ?? "";
      return wish.isPrefix && n === want.length - 1 ? found.startsWith(word) : found === word;
    }),
  );
}

/** Whether a frame is what a person means. */
export function isMeant(
  frame: Frame,
  content: string | undefined,
  { wishes, topics }: Wishes,
): boolean {
  if (topics && !topicMatcher(topics)(frame.topic)) return false;
  const texts = [frame.topic, ...textsIn(frame.meta), ...(content === undefined ? [] : [content])];
  return wishes.every((wish) => texts.some((text) => hasIn(text, wish)) !== (wish.isNot ?? false));
}

/** All hits of a search, waiting for its index. */
export async function hitsOf(
  store: Store,
  text: string,
  more: { since?: number; until?: number; limit?: number; topics?: readonly string[] } = {},
): Promise<SearchHit[]> {
  for (;;) {
    try {
      const hits: SearchHit[] = [];
      const request = { text, query: parseSearchQuery(text), ...more };
      for await (const page of store.search.find(request)) hits.push(...page);
      return hits;
    } catch (error) {
      if ((error as { code?: string }).code !== "index_building") throw error;
    }
  }
}

/** The ids of the frames that a search finds. */
export async function foundIds(store: Store, text: string, more = {}): Promise<string[]> {
  const hits = await hitsOf(store, text, more);
  return hits.map(({ line }) => (JSON.parse(line) as Frame).id);
}

/** The ids of the frames that a scan finds, the highest first. */
export async function scannedIds(store: Store, wishes: Wishes): Promise<string[]> {
  const found: string[] = [];
  for (const frame of await readAll(store)) {
    const blob = frame.hash === null ? undefined : await store.content.open(frame.hash);
    if (isMeant(frame, await blob?.text(), wishes)) found.push(frame.id);
  }
  return found.reverse();
}
