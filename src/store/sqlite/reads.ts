import { idInLine, linesIn } from "../../core/frame.ts";
import type { IdBounds } from "../../core/id-bounds.ts";
import { later, type Place, placeOf } from "../../core/place.ts";
import type { ReadOptions } from "../../core/read-options.ts";
import type { PageQuery } from "../read-source.ts";
import { Reader } from "../reader.ts";
import type { Direction } from "../types.ts";
import type { Writer } from "./commit/writer.ts";
import type { Health } from "./health.ts";
import type { Parts } from "./parts.ts";

/** Reads the log: single frames, neighbours, and reads that follow. */
export class Reads {
  readonly followers = new Set<Reader>();
  readonly #parts: Parts;
  readonly #health: Health;
  readonly #writer: Writer;

  constructor(parts: Parts, health: Health, writer: Writer) {
    this.#parts = parts;
    this.#health = health;
    this.#writer = writer;
  }

  /** As {@link Store.get}. */
  get(id: string): string | undefined {
    return this.#health.guard(() => this.#parts.pages.line(id));
  }

  /** As {@link Store.neighbour}. */
  neighbour(id: string, direction: Direction, topics?: readonly string[]): string | undefined {
    return this.#health.guard(() => this.#neighbour({ id, direction, topics }));
  }

  /** As {@link Store.newestDurable}. */
  async newestDurable(
    id: string,
    direction: Direction,
    topics?: readonly string[],
    bounds?: IdBounds,
  ): Promise<string | undefined> {
    const line = this.#health.guard(() => this.#neighbour({ id, direction, topics, bounds }));
    if (line !== undefined || this.#parts.horizon.visible === undefined) return line;
    // As that commit has it: when it is durable the next may have taken it away again.
    return this.#writer.write((transaction) => {
      this.#parts.retention.trim(transaction);
      transaction.settle();
      return this.#neighbour({ id, direction, topics, bounds, evenBeyondHorizon: true });
    });
  }

  /** As {@link Store.placeOf}. */
  placeOf(id: string): Place {
    const { position } = this.#health.guard(() => this.#parts.pages.placeOf(id));
    return placeOf(id, position);
  }

  /** As {@link Store.newestPlace}. */
  newestPlace(topics?: readonly string[]): Place | undefined {
    const { search, pages } = this.#parts;
    return this.#health.guard(() => {
      const line = this.#neighbour({ id: "~", direction: "previous", topics });
      const newest = line === undefined ? undefined : this.placeOf(idInLine(line));
      const late = search.hasLate ? pages.newestLate(topics) : undefined;
      return newest === undefined ? late : later(newest, late);
    });
  }

  /** As {@link Store.read}. */
  read(options: ReadOptions): Reader {
    const { pages, live, search, horizon, clock } = this.#parts;
    const { guard } = this.#health;
    const reader = new Reader(
      {
        live,
        page: (query) => guard(() => pages.page(query)),
        boundOfLast: (count, query) => guard(() => pages.boundOfLast(count, query)),
        placeOf: (id) => guard(() => pages.placeOf(id)),
        end: () => guard(() => pages.end()),
        ends: () => pages.ends(),
        hasLate: search.hasLate,
        nextId: () => horizon.idBelowHorizon(),
        now: clock.now,
        closed: () => this.followers.delete(reader),
      },
      options,
    );
    if (options.follow || options.wait !== undefined) this.followers.add(reader);
    return reader;
  }

  /** As {@link Store.isFollowed}. */
  isFollowed(topic: string): boolean {
    for (const follower of this.followers) if (follower.covers(topic)) return true;
    return false;
  }

  #neighbour({ id, direction, ...selection }: NeighbourQuery): string | undefined {
    const order = direction === "next" ? "asc" : "desc";
    for (let after = { id }; ; ) {
      const page = this.#parts.pages.page({ after, order, rows: 1, ...selection });
      if (page.rows > 0) return linesIn(page.bytes)[0];
      if (!page.more || !page.cursor) return undefined;
      after = page.cursor;
    }
  }
}

/** Which frame next to an id is meant. */
interface NeighbourQuery extends Pick<PageQuery, "topics" | "bounds" | "evenBeyondHorizon"> {
  readonly id: string;
  readonly direction: Direction;
}
