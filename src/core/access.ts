import { quoted, XsError } from "./error.ts";
import { encodeMeta, parseObject } from "./frame.ts";
import { commonPattern, normalList, parseTopicFilter, splitList, TopicFilter } from "./pattern.ts";
import type { TokenScope } from "./token.ts";
import { concernsRuntime, RUNTIME_PREFIX } from "./topic.ts";

/** The pattern of the runtime's topics. */
const RUNTIME = `${RUNTIME_PREFIX}*`;

const SPAWNS = [`${RUNTIME_PREFIX}handler.spawn`, `${RUNTIME_PREFIX}generator.spawn`];

/** What a request with a token may see and do. Requests of the owner have none. */
export class Access {
  readonly scope: TokenScope;
  /** The topics that it reads, as a topic filter; undefined for every topic. */
  readonly #read: readonly string[] | undefined;
  readonly #reads: TopicFilter;
  readonly #appends: TopicFilter;
  readonly #ending = new AbortController();
  /** What an append needs that may start code, for a message. */
  protected readonly spawnNeeds: string = "a token made with --all";

  constructor(scope: TokenScope) {
    this.scope = scope;
    this.#read = readableOf(scope);
    this.#reads = new TopicFilter(this.#read);
    this.#appends = new TopicFilter(filterOf(scope.append));
  }

  /** Aborted when the token was removed or has expired. */
  get ended(): AbortSignal {
    return this.#ending.signal;
  }

  /** Ends the requests with the token that are still under way. */
  end(): void {
    this.#ending.abort();
  }

  /** Whether there is no frame that it does not read. */
  get readsEverything(): boolean {
    return this.#read === undefined;
  }

  /** Whether the frames of a topic are there for it. */
  reads(topic: string): boolean {
    return this.#reads.takes(topic);
  }

  /** @throws XsError `forbidden` if it reads nothing */
  checkReads(): void {
    if (this.scope.read.length === 0) throw this.refusal("reads no topics");
  }

  /**
   * Returns the topic filter that a read uses: of the topics that it asks for those that the token reads.
   *
   * @param asked a topic filter; undefined for all topics
   * @throws XsError `forbidden` for a pattern with nothing in it that the token reads
   */
  narrowed(asked: readonly string[] | undefined): readonly string[] | undefined {
    this.checkReads();
    const mine = this.#read;
    if (asked === undefined || mine === undefined) return asked ?? mine;
    const own = splitList(mine);
    const { taken, away } = splitList(asked);
    const common = new Set<string>();
    for (const pattern of taken) {
      const inside = own.taken
        .map((each) => commonPattern(each, pattern))
        .filter((each) => each !== undefined && !own.away.some((gone) => covers(gone, each)));
      if (inside.length === 0) {
        throw this.refusal(`does not read ${pattern}: it reads ${this.scope.read.join(", ")}`);
      }
      for (const each of inside) if (each !== undefined) common.add(each);
    }
    return normalList({ taken: [...common], away: [...new Set([...own.away, ...away])] });
  }

  /** @throws XsError `forbidden` if it appends nothing */
  checkAppends(): void {
    if (this.scope.append.length === 0) throw this.refusal("appends to no topic");
  }

  /** @throws XsError `forbidden` if it does not append to a topic */
  checkAppend(topic: string): void {
    this.checkAppends();
    if (!this.#appends.takes(topic)) {
      const there = this.scope.append.join(", ");
      throw this.refusal(`does not append to ${quoted(topic)}: it appends to ${there}`);
    }
    if (!this.scope.all && concernsRuntime(topic)) {
      throw this.refusal(
        `does not append to ${quoted(topic)}, which may start code: that needs ${this.spawnNeeds}`,
      );
    }
  }

  /** Whether it may start code: it appends what registers a processor. */
  get startsCode(): boolean {
    return this.scope.all && SPAWNS.some((topic) => this.#appends.takes(topic));
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

/** The topic filter of the patterns of a token, which may be none. */
function filterOf(patterns: readonly string[]): readonly string[] | undefined {
  return patterns.length === 0 ? [] : parseTopicFilter(patterns.join());
}

/** The topic filter of what it reads. */
function readableOf({ read, all }: TokenScope): readonly string[] | undefined {
  const filter = filterOf(read);
  if (all) return filter;
  const { taken, away } = splitList(filter ?? ["*"]);
  return normalList({ taken, away: [...away, RUNTIME] });
}

/** Whether a pattern takes every topic that another one takes. */
function covers(wide: string, narrow: string): boolean {
  return commonPattern(wide, narrow) === narrow;
}
