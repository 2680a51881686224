import { signal } from "@preact/signals";
import { follow } from "../../lib/live.ts";
import type { Entry } from "./listed.ts";

/** The most entries that the page keeps: a prefix selects fewer. */
export const MAX_ENTRIES = 20_000;
/** Changes that come together are shown together, in ms; where there are many entries, later. */
const GATHER_MS = 100;
const MANY = 5000;
const GATHER_MANY_MS = 300;

/** The entries below a prefix, as they are now: the page's following read is a watch of them, without their values. */
export class Entries {
  /** In the order of their keys. */
  readonly shown = signal<readonly Entry[]>([]);
  readonly isLoading = signal(true);
  /** There are more than the page keeps. */
  readonly isCut = signal(false);
  /** Why the server refuses to list them. */
  readonly error = signal<unknown>(undefined);
  #byKey = new Map<string, Entry>();
  /** What a new connection has listed so far: until it has all, what was there before is shown. */
  #coming: Map<string, Entry> | undefined = this.#byKey;
  readonly #prefix: string;
  #stop = () => {};
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.#watch({ "without-values": "true" });
  }

  close(): void {
    this.#stop();
    clearTimeout(this.#timer);
  }

  #watch(options: Record<string, string>): void {
    const query = new URLSearchParams(options);
    if (this.#prefix !== "") query.set("prefix", this.#prefix);
    const path = `/kv?${query}`;
    this.#stop = follow({
      path,
      // Each watch begins with all entries of now.
      resume: () => {
        this.#coming = new Map();
        return path;
      },
      take: (lines) => this.#take(lines),
      refused: (problem) => {
        // A server of an older version always sends the values.
        if (problem.code === "bad_option" && "without-values" in options) this.#watch({});
        else {
          this.error.value = problem;
          this.isLoading.value = false;
        }
      },
    });
  }

  #take(lines: readonly string[]): void {
    for (const line of lines) {
      const entry = JSON.parse(line) as Entry & { topic?: string };
      if (entry.topic === undefined) this.#put(entry);
      else if (this.#coming) this.#haveAll(this.#coming);
    }
    const wait = this.#byKey.size > MANY ? GATHER_MANY_MS : GATHER_MS;
    this.#timer ??= setTimeout(() => this.#show(), wait);
  }

  /** The threshold came: what was there has come. */
  #haveAll(coming: Map<string, Entry>): void {
    this.#byKey = coming;
    this.#coming = undefined;
    this.isCut.value = coming.size >= MAX_ENTRIES;
    this.#show();
    this.isLoading.value = false;
  }

  #put(entry: Entry): void {
    const entries = this.#coming ?? this.#byKey;
    if (entry.deleted) entries.delete(entry.key);
    else if (entries.size < MAX_ENTRIES || entries.has(entry.key)) {
      const { key, rev, size, type, by } = entry;
      entries.set(key, { key, rev, size, type, ...(by !== undefined && { by }) });
    } else this.isCut.value = true;
  }

  #show(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.shown.value = [...this.#byKey.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}
