import { Access } from "../../core/access.ts";
import { XsError } from "../../core/error.ts";
import { parseTopicFilter } from "../../core/pattern.ts";
import type { TokenScope } from "../../core/token.ts";

/** What the command line lets an agent see and do. */
export interface Allowed {
  /** Patterns of the topics that every tool sees; undefined for all. */
  readonly topics: readonly string[] | undefined;
  /** The keys that begin with this are seen; undefined for all, or for none where topics are bounded. */
  readonly keys: string | undefined;
  /** Patterns of the topics to which it appends. */
  readonly append: readonly string[];
  /** It puts the keys that begin with this; undefined for none. */
  readonly put: string | undefined;
  /** It may append what starts code. */
  readonly spawn: boolean;
}

/** The bounds of every tool. They are those of a token, enforced by the same code. */
export class Bounds {
  /** What the tools see. */
  readonly sees: Access;
  /** What the tools write. */
  readonly writes: Access;

  constructor({ topics, keys, append, put, spawn }: Allowed) {
    const seenKeys = keys ?? (topics === undefined ? "" : null);
    this.sees = new ToolAccess(
      { read: topics ?? ["*"], append: [], keys: seenKeys, all: true },
      "--topic and --keys say what it sees",
    );
    this.writes = new ToolAccess(
      { read: [], append, keys: put ?? null, all: spawn },
      "--append, --put and --allow-spawn say what it writes",
    );
  }

  /**
   * The option `topic` of a request: the topics that a call asks for, as far as its tool sees them.
   *
   * @param asked a pattern or a list; undefined for all
   * @throws XsError `bad_topic`, `forbidden`
   */
  topicQuery(asked: string | undefined): Record<string, string> {
    const topics = this.sees.narrowed(asked === undefined ? undefined : parseTopicFilter(asked));
    return topics === undefined ? {} : { topic: topics.join(",") };
  }

  /** Whether the frames of a topic are there for the tools. */
  shows(topic: string): boolean {
    return this.sees.reads(topic);
  }
}

class ToolAccess extends Access {
  readonly #options: string;
  protected override readonly spawnNeeds = "--allow-spawn";

  /** @param options the options of the command that set this access, as a sentence */
  constructor(scope: Omit<TokenScope, "name" | "cors">, options: string) {
    super({ name: "mcp", cors: null, ...scope });
    this.#options = options;
  }

  override refusal(why: string): XsError {
    return new XsError("forbidden", `xs mcp ${why} (${this.#options})`);
  }
}
