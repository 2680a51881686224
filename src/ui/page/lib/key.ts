import { signal } from "@preact/signals";

const KEPT = "xs-key";

/** The key of this tab's session; undefined where there is none, or none any more. */
export const key = signal<string | undefined>(sessionStorage.getItem(KEPT) ?? undefined);

/** Why there is no key, for the person. */
export const keyProblem = signal<string | undefined>(undefined);

/** Keeps a key for this tab. */
export function keepKey(given: string): void {
  sessionStorage.setItem(KEPT, given);
  key.value = given;
  keyProblem.value = undefined;
}

/** Forgets a key that the inspector does not take any more. */
export function lostKey(): void {
  if (key.peek() === undefined) return;
  sessionStorage.removeItem(KEPT);
  key.value = undefined;
  keyProblem.value = "The key of this page is no longer valid: the inspector was started again.";
}
