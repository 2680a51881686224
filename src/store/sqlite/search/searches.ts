import { existsSync } from "node:fs";
import { join } from "node:path";
import { INDEX } from "../../is-store.ts";
import type { Search, SearchHit, SearchRequest } from "../../search.ts";
import type { Background } from "../background.ts";
import type { Writer } from "../commit/writer.ts";
import type { Health } from "../health.ts";
import type { Parts } from "../parts.ts";
import type { SearchService, SearchUses } from "./service.ts";

const TICK_MS = 1000;

/** The parts of a store that its search uses. */
export interface SearchesUses {
  /** The directory of the store. */
  readonly path: string;
  readonly database: string;
  readonly files: string;
  readonly isStill: boolean;
  readonly parts: Parts;
  readonly writer: Writer;
  readonly health: Health;
  readonly background: Background;
}

/** The search of a store. What it needs is loaded at the first search, or where there is an index to keep. */
export class Searches implements Search {
  readonly #uses: SearchesUses;
  #service: Promise<SearchService> | undefined;

  constructor(uses: SearchesUses) {
    this.#uses = uses;
  }

  async *find(request: SearchRequest): AsyncGenerator<readonly SearchHit[]> {
    yield* (await this.#load()).find(request);
  }

  /** Keeps the index up to date from now on, where there is one. */
  start(): void {
    const { background, health } = this.#uses;
    background.every("search", TICK_MS, async () => {
      if (health.failed || !this.#isThere) return;
      const { keeper } = await this.#load();
      // What lacks room, or a descriptor, is tried again; a search says what is wrong.
      await keeper.tick().catch(() => {});
    });
  }

  /** Takes what was removed out of the index, and its words out of the file. */
  async purge(): Promise<void> {
    if (this.#isThere) await (await this.#load()).keeper.sweep(true);
  }

  /** Checks the file of the index, and makes a damaged one anew. Returns what is wrong. */
  async check(): Promise<readonly string[]> {
    if (!this.#isThere || this.#uses.isStill) return [];
    const { keeper } = await this.#load();
    const problems = await keeper.check();
    if (problems.length > 0) await keeper.renew();
    return problems;
  }

  async close(): Promise<void> {
    await (await this.#service)?.close();
  }

  get #isThere(): boolean {
    return this.#service !== undefined || existsSync(join(this.#uses.path, INDEX));
  }

  #load(): Promise<SearchService> {
    this.#service ??= import("./service.ts").then(
      ({ SearchService }) => new SearchService(this.#serviceUses()),
    );
    return this.#service;
  }

  #serviceUses(): SearchUses {
    const { path, database, files, isStill, parts, writer, health } = this.#uses;
    const { pages, search, tables, facts } = parts;
    const { guard } = health;
    return {
      path,
      database,
      files,
      isStill,
      ends: () => pages.ends(),
      firstFrom: (id) => guard(() => search.firstFrom(id)),
      line: (id) => {
        try {
          return pages.line(id);
        } catch {
          // It is damaged.
          return undefined;
        }
      },
      activity: () => ({ writes: writer.counts?.writes ?? 0, removals: tables.removals }),
      marks: () => guard(() => facts.searchMarks),
      setMarks: (marks) => writer.local(() => facts.setSearchMarks(marks)),
    };
  }
}
