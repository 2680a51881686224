import { quoted, XsError } from "./error.ts";
import { encodeMeta, parseObject } from "./frame.ts";
import { matches, parseTopicFilter, scopesOf } from "./pattern.ts";
import { concernsRuntime, type TokenScope } from "./token.ts";
import { RUNTIME_PREFIX } from "./topic.ts";

/** The pattern that selects the runtime's topics and others. */
const AROUND_RUNTIME = "stream.*";

const SPAWNS = [`${RUNTIME_PREFIX}handler.spawn`, `${RUNTIME_PREFIX}generator.spawn`];

/** What a request with a token may see and do. Requests of the owner have none. */
export class Access {
  readonly scope: TokenScope;
  /** The patterns of the topics; undefined for every topic. */
  readonly #read: ReadonlySet<string> | undefined;
  readonly #append: ReadonlySet<string> | undefined;
  readonly #ending = new AbortController();

  constructor(scope: TokenScope) {
    this.scope = scope;
    this.#read = patternsOf(scope.read);
    this.#append = patternsOf(scope.append);
  }

  /** Aborted when the token was removed or has expired. */
  get ended(): AbortSignal {
    return this.#ending.signal;
  }

  /** Ends what still goes on with the token. */
  end(): void {
    this.#ending.abort();
  }

  /** Whether there is no frame that it does not read. */
  get readsEverything(): boolean {
    return this.#read === undefined && this.scope.all;
  }

  /** Whether the frames of a topic are there for it. */
  reads(topic: string): boolean {
    return matches(this.#read, topic) && (this.scope.all || !topic.startsWith(RUNTIME_PREFIX));
  }

  /** Whether some of the frames that patterns select are not there for it. @param topics from {@link narrowed} */
  hidesSomeOf(topics: readonly string[] | undefined): boolean {
    return !this.scope.all && (topics === undefined || topics.includes(AROUND_RUNTIME));
  }

  /** @throws XsError `forbidden` if it reads nothing */
  checkReads(): void {
    if (this.scope.read.length === 0) throw this.refusal("reads no topics");
  }

  /**
   * Returns the patterns that a read uses: those that it asks for, as far as the token reads them.
   *
   * @param asked undefined for all
   * @throws XsError `forbidden` for a pattern with nothing in it that the token reads
   */
  narrowed(asked: readonly string[] | undefined): readonly string[] | undefined {
    this.checkReads();
    const read = this.#read;
    if (asked === undefined) return read && [...read];
    return asked.flatMap((pattern) => {
      const isRuntime = pattern.startsWith(RUNTIME_PREFIX) && !this.scope.all;
      if (!isRuntime && covers(read, pattern)) return [pattern];
      const below = pattern.endsWith(".*") ? pattern.slice(0, -1) : undefined;
      const inside = [...(read ?? [])].filter(
        (each) => below !== undefined && each.startsWith(below),
      );
      if (isRuntime || inside.length === 0) {
        throw this.refusal(`does not read ${pattern}: it reads ${this.scope.read.join(", ")}`);
      }
      return inside;
    });
  }

  /** @throws XsError `forbidden` if it appends nothing */
  checkAppends(): void {
    if (this.scope.append.length === 0) throw this.refusal("appends to no topic");
  }

  /** @throws XsError `forbidden` if it does not append to a topic */
  checkAppend(topic: string): void {
    this.checkAppends();
    if (!matches(this.#append, topic)) {
      const there = this.scope.append.join(", ");
      throw this.refusal(`does not append to ${quoted(topic)}: it appends to ${there}`);
    }
    if (!this.scope.all && concernsRuntime(topic)) {
      throw this.refusal(
        `does not append to ${quoted(topic)}, which may start code: that needs a token made with --all`,
      );
    }
  }

  /** Whether it may start code: it appends what registers a processor. */
  get startsCode(): boolean {
    return this.scope.all && SPAWNS.some((topic) => matches(this.#append, topic));
  }

  /** @throws XsError `forbidden` if it uses no keys */
  checkKeys(): void {
    if (this.scope.keys === null) throw this.refusal("uses no keys");
  }

  /** @throws XsError `forbidden` if it does not use a key */
  checkKey(key: string): void {
    this.checkKeys();
    const { keys, all } = this.scope;
    const isHidden = !all && key.startsWith(RUNTIME_PREFIX);
    if (!isHidden && key.startsWith(keys ?? "")) return;
    throw this.refusal(
      `does not use the key ${quoted(key)}: it uses those that begin with ${quoted(keys ?? "")}`,
    );
  }

  /** The longer of two prefixes of keys: that of a listing and that of the token. @throws XsError `forbidden` */
  narrowedPrefix(asked: string): string {
    this.checkKeys();
    const keys = this.scope.keys ?? "";
    if (keys.startsWith(asked)) return keys;
    this.checkKey(asked);
    return asked;
  }

  /** Whether a listing of a prefix has keys that are not there for it. */
  hidesKeysOf(prefix: string): boolean {
    return !this.scope.all && RUNTIME_PREFIX.startsWith(prefix);
  }

  /** The meta of a frame that it appends: with `by`, the name of the token. @throws XsError `bad_meta` */
  stamped(meta: string): string {
    const given = meta === "null" ? {} : parseObject(meta);
    if (given) return encodeMeta({ ...given, by: this.scope.name });
    throw new XsError(
      "bad_meta",
      'the meta of an append with a token is an object or null: the server adds "by" to it, the name of the token',
    );
  }

  /** @throws XsError `unauthorized` if the token was removed, or has expired, since the request came */
  checkLasts(): void {
    if (!this.ended.aborted) return;
    throw new XsError(
      "unauthorized",
      `the token ${quoted(this.scope.name)} was removed, or has expired, so nothing was kept: ask for a new one`,
    );
  }

  /** The refusal of a request that the token is not for. @param why continues "the token NAME" */
  refusal(why: string): XsError {
    return new XsError("forbidden", `the token ${quoted(this.scope.name)} ${why}`);
  }
}

function patternsOf(patterns: readonly string[]): ReadonlySet<string> | undefined {
  if (patterns.length === 0) return new Set();
  const scopes = parseTopicFilter(patterns.join(","));
  return scopes && new Set(scopes);
}

/** Whether patterns select all that another pattern selects. */
function covers(patterns: ReadonlySet<string> | undefined, pattern: string): boolean {
  if (patterns === undefined || patterns.has(pattern)) return true;
  const name = pattern.endsWith(".*") ? pattern.slice(0, -2) : pattern;
  return scopesOf(name).some((scope) => scope !== name && patterns.has(scope));
}
