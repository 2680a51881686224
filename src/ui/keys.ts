import { randomBytes } from "node:crypto";
import { bound } from "../lib/bound.ts";
import { digest } from "../net/token.ts";

/** How long a link works, in ms. */
const LINK_MS = 10 * 60_000;
/** The most links that wait for their visit: a new one ends the oldest. */
const MAX_LINKS = 100;
/** The most pages that have a key: a new one ends the oldest. */
const MAX_SESSIONS = 1000;

/** The key of a link. */
export interface LinkKey {
  readonly key: string;
  /** Resolves once a page has changed it for the key of its session. */
  readonly used: Promise<void>;
}

/** A link that waits for its visit. */
interface Waiting {
  readonly ends: number;
  readonly use: () => void;
}

/**
 * The keys of the inspector. A link has a key that works once, for some minutes: the page changes it for the key of its
 * session, which works until the inspector ends. Both are in memory alone, as hashes: to find a hash says nothing of
 * the time that a comparison takes. A server takes the token of the owner in place of a link: it runs for longer than
 * anybody looks at what it printed.
 */
export class Keys {
  /** By the hashes of their keys. */
  readonly #links = new Map<string, Waiting>();
  readonly #sessions = new Set<string>();
  readonly #owner: string | undefined;

  /** @param owner the token of the owner of the store, where it stands for a link */
  constructor(owner: string | undefined) {
    this.#owner = owner === undefined ? undefined : hashOf(owner);
  }

  /** Makes the key of a link. */
  link(): LinkKey {
    const key = newKey();
    const { promise: used, resolve: use } = Promise.withResolvers<void>();
    bound(this.#links, MAX_LINKS);
    this.#links.set(hashOf(key), { ends: performance.now() + LINK_MS, use });
    return { key, used };
  }

  /** Changes the key of a link for that of a session; undefined if it was used, or is too old. */
  redeem(link: string): string | undefined {
    const hash = hashOf(link);
    const waiting = this.#links.get(hash);
    this.#links.delete(hash);
    const isFresh = waiting !== undefined && performance.now() <= waiting.ends;
    if (!isFresh && hash !== this.#owner) return undefined;
    const key = newKey();
    bound(this.#sessions, MAX_SESSIONS);
    this.#sessions.add(hashOf(key));
    waiting?.use();
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
  return digest(key).toString("base64");
}
