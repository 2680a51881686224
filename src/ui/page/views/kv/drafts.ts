import { signal } from "@preact/signals";
import { bound } from "../../../../lib/bound.ts";

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
  if (draft && !next.has(key)) bound(next, MAX_DRAFTS);
  if (draft) next.set(key, draft);
  else next.delete(key);
  drafts.value = next;
}
