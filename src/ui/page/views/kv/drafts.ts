import { signal } from "@preact/signals";

/** What a person has changed in a value, and not put. */
export interface Draft {
  readonly text: string;
  /** The revision of the value that it was made of; null where there was none. */
  readonly rev: string | null;
  readonly type: string;
}

/** By key. They outlive the view: a person looks at another key, or view, and comes back. */
export const drafts = signal<ReadonlyMap<string, Draft>>(new Map());

/** The most drafts: a new one ends the oldest. */
const MAX_DRAFTS = 100;

/** Keeps a draft; undefined forgets it. */
export function keepDraft(key: string, draft: Draft | undefined): void {
  const next = new Map(drafts.peek());
  if (draft) next.set(key, draft);
  else next.delete(key);
  const [oldest] = next.keys();
  if (next.size > MAX_DRAFTS && oldest !== undefined) next.delete(oldest);
  drafts.value = next;
}
