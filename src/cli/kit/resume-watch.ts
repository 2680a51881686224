import type { Client } from "../../client/client.ts";
import { XsError } from "../../core/error.ts";
import type { Resume } from "./resume.ts";

/** A line of a watch, as far as this file reads it. */
interface Line {
  readonly key?: string;
  readonly rev?: string;
  readonly deleted?: true;
  /** Of a threshold or pulse. */
  readonly topic?: string;
  readonly id?: string;
}

/** The beginning of a line of a watch: its key and revision come before the value, which may be large. */
const HEAD = /^(\{"key":"(?:[^"\\]|\\.)*","rev":"[^"]*")(,"deleted":true)?/;

/**
 * A watch over many connections. Each one begins with all entries; what did not change since the last line about it is
 * left out. An entry that is missing was deleted meanwhile.
 */
export class WatchResume implements Resume {
  readonly #path: string;
  /** The revision of each key that was printed and is not deleted. */
  readonly #revisions = new Map<string, string>();
  /** The keys that this connection named before its threshold; undefined after it. */
  #present: Set<string> | undefined;
  /** Keys whose deletion was found, and printed, before the server named it. */
  readonly #foundDeleted = new Set<string>();
  #hadThreshold = false;

  constructor(path: string) {
    this.#path = path;
  }

  get isDone(): boolean {
    return false;
  }

  open(ask: Client["request"]): Promise<Response> {
    this.#present = new Set();
    return ask(this.#path);
  }

  take(text: string, ask: Client["request"]): string[] | Promise<string[]> {
    const [, head, deleted] = HEAD.exec(text) ?? [];
    const line = JSON.parse(head === undefined ? text : `${head}${deleted ?? ""}}`) as Line;
    if (line.key !== undefined) return this.#change(line, line.key) ? [text] : [];
    return line.topic === "stream.cross.threshold" ? this.#cross(text, line, ask) : [text];
  }

  goesOn(): boolean {
    return false;
  }

  /** Returns whether a change is new. */
  #change({ rev = "", deleted }: Line, key: string): boolean {
    this.#present?.add(key);
    const wasFound = this.#foundDeleted.delete(key);
    if (deleted) return this.#revisions.delete(key) || !wasFound;
    if (this.#revisions.get(key) === rev) return false;
    this.#revisions.set(key, rev);
    return true;
  }

  /** Finds what was deleted while there was no connection. */
  async #cross(text: string, { id }: Line, ask: Client["request"]): Promise<string[]> {
    const present = this.#present;
    const gone: string[] = [];
    for (const key of present ? this.#revisions.keys() : []) {
      // An entry that was written during the first pass of the watch is missing there, and comes next.
      if (!present?.has(key) && !(await isThere(key, ask))) gone.push(key);
    }
    // Nothing fails from here on, so nothing is remembered that is not printed.
    for (const key of gone) {
      this.#revisions.delete(key);
      this.#foundDeleted.add(key);
    }
    this.#present = undefined;
    const printed = gone.map((key) => JSON.stringify({ key, rev: id, deleted: true }));
    if (!this.#hadThreshold) printed.push(text);
    this.#hadThreshold = true;
    return printed;
  }
}

async function isThere(key: string, ask: Client["request"]): Promise<boolean> {
  try {
    await (await ask(`/kv/${encodeURIComponent(key)}`)).body?.cancel();
    return true;
  } catch (error) {
    if (error instanceof XsError && error.code === "not_found") return false;
    throw error;
  }
}
