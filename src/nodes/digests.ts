import type { NodeDigest } from "../store/nodes.ts";
import type { DigestRun } from "../store/sqlite/replica/digest.ts";
import type { Replica } from "../store/sqlite/replica/replica.ts";

/** How long a digest that was asked for is kept, in ms. */
const KEEP_MS = 600_000;

/** How far a node is with its digest. */
export type DigestState =
  | { readonly state: "waits" }
  | { readonly state: "reads"; readonly rows: number }
  | { readonly state: "done"; readonly digest: NodeDigest }
  | { readonly state: "failed"; readonly why: string };

/** The digests that somebody asks this node for. */
export class Digests {
  readonly #replica: Replica;
  readonly #states = new Map<string, () => DigestState>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly #ending = new AbortController();

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  /** Reads at the next mark what this node has then. The token names it. */
  prepare(token: string): true {
    this.#states.set(token, () => ({ state: "waits" }));
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#states.delete(token);
    }, KEEP_MS);
    this.#timers.add(timer);
    this.#replica.atNextMark(() => this.#begin(token));
    return true;
  }

  stateOf(token: string): DigestState {
    return this.#states.get(token)?.() ?? { state: "failed", why: "it has begun anew meanwhile" };
  }

  stop(): void {
    this.#ending.abort();
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #begin(token: string): void {
    const failed = (error: Error): void => {
      this.#states.set(token, () => ({ state: "failed", why: error.message }));
    };
    if (!this.#states.has(token)) return;
    let run: DigestRun;
    try {
      run = this.#replica.digest();
    } catch (error) {
      // Not the record's fault: it is applied.
      failed(error as Error);
      return;
    }
    this.#states.set(token, () => ({ state: "reads", rows: run.rows }));
    run.run(this.#ending.signal).then((digest) => {
      this.#states.set(token, () => ({ state: "done", digest }));
    }, failed);
  }
}
