import { HTTP_REQUEST } from "../../core/http.ts";
import type { Absence, Lead, Unanswered } from "./lead.ts";

/** How often to ask about the requests that wait, and how old they are then, in ms. */
const ASK_EVERY_MS = 100;
const MIN_AGE_MS = 50;
/** The most requests of one question. */
const MAX_ASKED = 1000;
/** An answer that is in the log comes to its client before this, in ms. */
const PASS_ON_MS = 50;

interface Waiting {
  readonly since: number;
  resolve(over: { reasons: readonly string[] }): void;
}

/**
 * Finds requests that no handler will answer, wherever handlers run: it asks the machine that leads about those whose
 * answers take long. So a machine that begins to lead need not know who waits.
 */
export class LeaderRequests {
  readonly #lead: Pick<Lead, "inquire" | "isFollowedElsewhere">;
  readonly #waiting = new Map<string, Waiting>();
  readonly #hasNone: (absence: Absence) => void;
  #isAsking = false;

  /** @param hasNone receives that there is no handler of a request, before that is said */
  constructor(
    lead: Pick<Lead, "inquire" | "isFollowedElsewhere">,
    hasNone: (absence: Absence) => void,
  ) {
    this.#lead = lead;
    this.#hasNone = hasNone;
  }

  /** `over` resolves once no handler will answer a request. Call `forget` when nobody waits for that any more. */
  unanswered(id: string): { over: Promise<{ reasons: readonly string[] }>; forget(): void } {
    const { promise, resolve } = Promise.withResolvers<{ reasons: readonly string[] }>();
    this.#waiting.set(id, { since: performance.now(), resolve });
    void this.#askOn();
    return { over: promise, forget: () => void this.#waiting.delete(id) };
  }

  async #askOn(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    while (this.#waiting.size > 0) {
      await Bun.sleep(ASK_EVERY_MS);
      try {
        await this.#ask();
      } catch {
        // No machine leads at the moment. The next one says what it knows.
      }
    }
    this.#isAsking = false;
  }

  async #ask(): Promise<void> {
    const before = performance.now() - MIN_AGE_MS;
    const old = [...this.#waiting].filter(([, { since }]) => since < before).slice(0, MAX_ASKED);
    if (old.length === 0) return;
    const ids = old.map(([id]) => id);
    const found = (await this.#lead.inquire({ about: "requests", ids })) as Unanswered;
    const over = Object.entries(found.over);
    if (over.length === 0) return;
    // Without a handler, a client that follows requests may still answer.
    const hasNone = over.some(([, reasons]) => reasons.length === 0);
    const isFollowed = hasNone && (await this.#lead.isFollowedElsewhere(HTTP_REQUEST));
    if (hasNone) this.#hasNone(found);
    await Bun.sleep(PASS_ON_MS);
    for (const [id, reasons] of over) {
      if (reasons.length === 0 && isFollowed) continue;
      this.#waiting.get(id)?.resolve({ reasons });
      this.#waiting.delete(id);
    }
  }
}
