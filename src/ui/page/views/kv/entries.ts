import { signal } from "@preact/signals";
import { ask } from "../../lib/ask.ts";
import { follow } from "../../lib/live.ts";

/** An entry, as the API lists it. */
export interface Entry {
  readonly key: string;
  readonly rev: string;
  /** Of the value, in bytes. */
  readonly size: number;
  readonly type: string;
  /** The handler that wrote it. */
  readonly by?: string;
  readonly deleted?: true;
}

/** The most entries that the page keeps: a prefix selects fewer. */
export const MAX_ENTRIES = 20_000;

/** The entries below a prefix, as they are now: the page's following read is a watch of them. */
export class Entries {
  /** In the order of their keys. */
  readonly shown = signal<readonly Entry[]>([]);
  readonly isLoading = signal(true);
  /** There are more than the page keeps. */
  readonly isCut = signal(false);
  readonly #byKey = new Map<string, Entry>();
  readonly #stop: () => void;
  #turn: number | undefined;

  constructor(prefix: string) {
    const path = `/kv?${new URLSearchParams({ prefix })}`;
    this.#stop = follow({
      path,
      // A watch begins with what there is.
      resume: () => {
        this.#byKey.clear();
        return path;
      },
      take: (lines) => this.#take(lines),
    });
  }

  close(): void {
    this.#stop();
    clearTimeout(this.#turn);
  }

  #take(lines: readonly string[]): void {
    for (const line of lines) {
      const entry = JSON.parse(line) as Entry & { topic?: string };
      if (entry.topic === undefined) this.#put(entry);
      // The threshold: what was there has come.
      else if (entry.topic.endsWith(".threshold")) this.isLoading.value = false;
    }
    this.#turn ??= setTimeout(() => this.#show(), 100) as unknown as number;
  }

  #put(entry: Entry): void {
    if (entry.deleted) this.#byKey.delete(entry.key);
    else if (this.#byKey.size < MAX_ENTRIES || this.#byKey.has(entry.key)) {
      this.#byKey.set(entry.key, entry);
    } else this.isCut.value = true;
  }

  #show(): void {
    this.#turn = undefined;
    this.shown.value = [...this.#byKey.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}

/** The path of an entry. A part of it that is `..` would be taken for a folder. */
export function entryPath(key: string): string {
  return `/kv/${encodeURIComponent(key)}`;
}

/** Puts a value, if the entry still has a revision; null for one that must not be there. @throws Problem */
export async function putEntry(
  key: string,
  value: string,
  type: string,
  rev: string | null,
): Promise<void> {
  const condition = rev === null ? { "if-none-match": "*" } : { "if-match": `"${rev}"` };
  await ask(entryPath(key), {
    method: "PUT",
    body: value,
    headers: { "content-type": type, ...condition },
    signal: AbortSignal.timeout(30_000),
  });
}

/** Deletes an entry, if it still has a revision. @throws Problem */
export async function deleteEntry({ key, rev }: Entry): Promise<void> {
  await ask(entryPath(key), {
    method: "DELETE",
    headers: { "if-match": `"${rev}"` },
    signal: AbortSignal.timeout(30_000),
  });
}
