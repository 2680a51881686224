import { statSync } from "node:fs";
import { lastIdIn } from "../../core/frame.ts";
import { timestampOf } from "../../core/id.ts";
import type { Reader } from "../reader.ts";
import type { StoreMetrics } from "../types.ts";
import type { Background } from "./background.ts";
import { COMMIT_SIZES, type CommitCounts, noCommits } from "./commit/commits.ts";
import type { Transaction } from "./commit/transaction.ts";
import type { ContentStore } from "./content/content.ts";
import type { KvStore } from "./kv/kv.ts";
import type { Pages } from "./log/pages.ts";

/** The parts of a store that its metrics describe. */
interface Measured {
  readonly frames: number;
  readonly kv: KvStore;
  readonly content: ContentStore;
  readonly followers: ReadonlySet<Reader>;
  readonly pages: Pages;
  readonly background: Background;
  readonly commits: CommitCounts | undefined;
}

/** What a store counts, and its metrics. */
export class Tally {
  readonly #database: string;
  readonly #appended = { frames: 0, bytes: 0, contentBytes: 0 };

  /** @param database its path in the store, also where a copy of it is read */
  constructor(database: string) {
    this.#database = database;
  }

  /** Adds what a commit appended. */
  committed({ frames, bytes, contentBytes }: Transaction["appended"]): void {
    this.#appended.frames += frames;
    this.#appended.bytes += bytes;
    this.#appended.contentBytes += contentBytes;
  }

  /** The size of the database and its write-ahead log. */
  get databaseBytes(): number {
    return ["", "-wal"]
      .map((end) => statSync(this.#database + end, { throwIfNoEntry: false })?.size)
      .reduce<number>((sum, size) => sum + (size ?? 0), 0);
  }

  metrics(store: Measured): StoreMetrics {
    const { contents, bytes } = store.content.staged();
    const counts = store.commits ?? noCommits();
    return {
      frames: store.frames,
      pairs: store.kv.count(),
      appends: this.#appended.frames,
      appendedBytes: this.#appended.bytes,
      appendedContentBytes: this.#appended.contentBytes,
      commits: counts.commits,
      commitWrites: counts.writes,
      commitsBySize: counts.bySize.map((commits, at) => ({
        upTo: COMMIT_SIZES[at] ?? Infinity,
        commits,
      })),
      followers: store.followers.size,
      watchers: store.kv.watchers,
      followerLag: lagOf(store.followers, store.pages),
      stagedContents: contents,
      stagedBytes: bytes,
      databaseBytes: this.databaseBytes,
      background: store.background.runs,
    };
  }
}

/** How far the slowest follower is behind the newest frame, in seconds. */
function lagOf(followers: ReadonlySet<Reader>, pages: Pages): number {
  const behind = [...followers].filter((follower) => !follower.isCaughtUp);
  if (behind.length === 0) return 0;
  const first = (order: "asc" | "desc") => {
    const page = pages.page({ order, rows: 1 });
    return page.rows > 0 ? lastIdIn(page.bytes) : undefined;
  };
  const newest = first("desc");
  if (newest === undefined) return 0;
  const oldest = first("asc") ?? newest;
  // A read from an id begins at the text before it, which may end in a character that no id has.
  const timeOf = (place: string) => timestampOf(`${place.slice(0, -1)}0`);
  const reached = behind.map(({ lastId }) => timeOf(lastId || oldest));
  return Math.max(0, timestampOf(newest) - Math.min(...reached)) / 1000;
}
