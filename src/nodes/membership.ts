import { XsError } from "../core/error.ts";
import type { Replica } from "../store/sqlite/replica/replica.ts";
import type { Router } from "./node-store.ts";

/** How often a node looks whether the others know it, in ms. */
const LOOK_MS = 1000;

/** Sees to it that the list of nodes has this one, also after somebody has taken it out. */
export class Membership {
  readonly #replica: Replica;
  readonly #router: Router;
  readonly #joined: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  /** @param joined called when the list has got this node */
  constructor(replica: Replica, router: Router, joined: () => void) {
    this.#joined = joined;
    this.#replica = replica;
    this.#router = router;
    this.#next(0);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #next(ms: number): void {
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#look(), ms);
  }

  async #look(): Promise<void> {
    const { state, options } = this.#replica;
    const { node } = options.self;
    const leads = state.leader !== undefined && state.leader.node !== "";
    if (leads && !state.nodes.includes(node)) {
      try {
        await this.#router.write({ do: "join", node });
        this.#joined();
      } catch (error) {
        // Nobody leads, or the journal is out of reach: it is tried again.
        if (!(error instanceof XsError)) throw error;
      }
    }
    this.#next(LOOK_MS);
  }
}
