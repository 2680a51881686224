import { idInLine, pageOf, withTimestamp } from "../../../core/frame.ts";
import { topicInLine } from "../../../core/index-keys.ts";
import { linksIn } from "../../../core/links.ts";
import { nextTurn } from "../../../lib/next-turn.ts";
import type { LineReader } from "../../frame-reader.ts";
import type { Ends } from "../../read-source.ts";
import type { TraceOptions } from "../../trace.ts";
import { damagedFrame, type FrameRow, isSound } from "../log/frame-row.ts";
import type { FrameSearch, StoredFrame } from "../log/frame-search.ts";
import type { EffectRows } from "./effect-rows.ts";
import { Seen } from "./seen.ts";

/** The most UTF-16 units of a page, before its last line, and the most time that it takes, in ms. */
const PAGE_UNITS = 64 * 1024;
const PAGE_MS = 10;

/** So many frames of one distance are kept by their ids, which hold their lines in memory; more by their numbers. */
const MAX_IDS = 64;

/** What a trace uses. */
export interface TraceUses {
  readonly search: FrameSearch;
  /** Absent for a trace of causes. */
  readonly effects?: EffectRows;
  /** How far to look. */
  readonly ends: Ends;
  /** The time that decides what has expired, in ms. */
  now(): number;
  /** Runs reads of the database, all of one state of it. Throws their failure as an XsError. */
  together<T>(run: () => T): T;
}

/** A frame on the way, as a read returns it; undefined for a step that found none. */
type Found = { readonly line: string; readonly depth: number } | undefined;

/**
 * The frames that a frame came of, or that came of it: breadth first, each once. What it keeps in memory is a bit for
 * each frame, and the numbers of those from which it still has to go on.
 */
export class Trace implements LineReader {
  readonly #uses: TraceUses;
  readonly #options: TraceOptions;
  readonly #seen = new Seen();
  readonly #found: Generator<Found>;
  #left: number;
  #hasBegun = false;

  constructor(uses: TraceUses, start: StoredFrame, options: TraceOptions) {
    this.#uses = uses;
    this.#options = options;
    this.#left = options.limit ?? Number.POSITIVE_INFINITY;
    this.#seen.add(start.seq);
    this.#found = uses.effects ? this.#effects(start, uses.effects) : this.#causes(start);
  }

  /** Passes by everything up to the frame with this id. Resolves to false where it is not among them. */
  async skipTo(id: string): Promise<boolean> {
    for (;;) {
      const isFound = this.#uses.together(() => this.#skipSome(id));
      if (isFound !== undefined) return isFound;
      await nextTurn();
    }
  }

  #skipSome(id: string): boolean | undefined {
    const end = performance.now() + PAGE_MS;
    while (performance.now() < end) {
      const { value, done } = this.#found.next();
      if (done) return false;
      if (value && idInLine(value.line) === id) return true;
    }
    return undefined;
  }

  async next(): Promise<Uint8Array | undefined> {
    // Others have their turn between two pages, also where the reader waits for nothing.
    if (this.#hasBegun) await nextTurn();
    this.#hasBegun = true;
    while (this.#left > 0) {
      const { lines, isLast } = this.#uses.together(() => this.#page());
      if (isLast) this.close();
      if (lines.length > 0) return pageOf(lines);
      await nextTurn();
    }
    return undefined;
  }

  close(): void {
    this.#left = 0;
  }

  #page(): { lines: string[]; isLast: boolean } {
    const lines: string[] = [];
    const end = performance.now() + PAGE_MS;
    let units = 0;
    do {
      const { value, done } = this.#found.next();
      if (done) return { lines, isLast: true };
      if (!value) continue;
      const line = this.#shown(value);
      lines.push(line);
      units += line.length;
      if (--this.#left === 0) break;
    } while (units < PAGE_UNITS && performance.now() < end);
    return { lines, isLast: false };
  }

  #shown({ line, depth }: NonNullable<Found>): string {
    const { withTimestamp: stamps, withDepth } = this.#options;
    const stamped = stamps ? withTimestamp(line) : line;
    return withDepth ? `${stamped.slice(0, -1)},"depth":${depth}}` : stamped;
  }

  *#causes(start: StoredFrame): Generator<Found> {
    let level = idsIn(start.line);
    for (let depth = 1; level.length > 0 && this.#reaches(depth); depth++) {
      const above: string[] = [];
      for (const id of level) {
        const row = this.#uses.search.find(id);
        if (row && this.#isWithinEnds(row) && this.#takes(row)) {
          above.push(...idsIn(row.line));
          yield { line: row.line, depth };
        } else yield undefined;
      }
      level = above;
    }
  }

  *#effects(start: StoredFrame, effects: EffectRows): Generator<Found> {
    let level: (string | number)[] = [idInLine(start.line)];
    for (let depth = 1; level.length > 0 && this.#reaches(depth); depth++) {
      const below: (string | number)[] = [];
      for (const each of level) {
        const cause = typeof each === "string" ? each : this.#idOf(each);
        if (cause === undefined) continue;
        for (const page of effects.of(cause, this.#uses.ends)) {
          yield undefined;
          for (const effect of page) {
            if (!namesIt(effect, cause) || !this.#takes(effect)) continue;
            if (effect.isNamed) {
              below.push(below.length < MAX_IDS ? idInLine(effect.line) : effect.seq);
            }
            yield { line: effect.line, depth };
          }
        }
      }
      level = below;
    }
  }

  /** The id in a row; undefined where that is gone by now. */
  #idOf(seq: number): string | undefined {
    const row = this.#uses.search.row(seq);
    return row && isSound(row) ? idInLine(row.line) : undefined;
  }

  #reaches(depth: number): boolean {
    return depth <= (this.#options.depth ?? Number.POSITIVE_INFINITY);
  }

  #isWithinEnds({ seq }: FrameRow): boolean {
    const { ends } = this.#uses;
    return seq > 0 ? seq <= ends.seq : seq >= ends.late;
  }

  /** Whether a frame is there for the reader, and was not on the way before. @throws XsError `frame_damaged` */
  #takes(row: FrameRow & { readonly expires: number | null }): boolean {
    const { expires, line, seq } = row;
    if (expires !== null && expires <= this.#uses.now()) return false;
    if (!isSound(row)) throw damagedFrame(idInLine(line));
    return (this.#options.sees?.(topicInLine(line)) ?? true) && this.#seen.add(seq);
  }
}

/** Whether a row names a frame. A damaged row of the index must not make it an effect; a damaged frame may be one. */
function namesIt(row: FrameRow, cause: string): boolean {
  return !isSound(row) || linksIn(row.line).some(({ id }) => id === cause);
}

function idsIn(line: string): string[] {
  return linksIn(line).map(({ id }) => id);
}
