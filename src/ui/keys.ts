import { createHash, randomBytes } from "node:crypto";

/** How long a link works, in ms. */
const LINK_MS = 10 * 60_000;
/** The most links that wait for their visit: a new one ends the oldest. */
const MAX_LINKS = 100;
/** The most pages that have a key: a new one ends the oldest. */
const MAX_SESSIONS = 1000;

/**
 * The keys of the inspector. A link has a key that works once, for some minutes: the page changes it for the key of its
 * session, which works until the inspector ends. Both are in memory alone, as hashes: to find a hash says nothing of
 * the time that a comparison takes.
 */
export class Keys {
  /** The hashes of the keys in links, with the time at which each ends. */
  readonly #links = new Map<string, number>();
  readonly #sessions = new Set<string>();

  /** Makes the key of a link. */
  link(): string {
    const key = newKey();
    bound(this.#links, MAX_LINKS);
    this.#links.set(hashOf(key), performance.now() + LINK_MS);
    return key;
  }

  /** Changes the key of a link for that of a session; undefined if it was used, or is too old. */
  redeem(link: string): string | undefined {
    const hash = hashOf(link);
    const ends = this.#links.get(hash);
    this.#links.delete(hash);
    if (ends === undefined || performance.now() > ends) return undefined;
    const key = newKey();
    bound(this.#sessions, MAX_SESSIONS);
    this.#sessions.add(hashOf(key));
    return key;
  }

  /** Whether a key is that of a session. */
  admits(key: string): boolean {
    return this.#sessions.has(hashOf(key));
  }
}

function newKey(): string {
  return randomBytes(32).toString("base64url");
}

function hashOf(key: string): string {
  return createHash("sha256").update(key).digest("base64");
}

/** Makes room for one more: the oldest goes. */
function bound(keys: Map<string, unknown> | Set<string>, max: number): void {
  const [oldest] = keys.keys();
  if (keys.size >= max && oldest !== undefined) keys.delete(oldest);
}
