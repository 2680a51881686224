import { pageOf } from "../../../core/frame.ts";
import { nextTurn } from "../../../lib/next-turn.ts";
import type { LineReader } from "../../frame-reader.ts";
import type { TopicList } from "./topic-list.ts";

/** What a reader of topics uses. */
export interface TopicSource {
  readonly list: TopicList;
  /** Runs a read. Throws its failure as an XsError. */
  guard<T>(run: () => T): T;
  /** Resolves when everything that was committed before is durable. */
  whenDurable(): Promise<void>;
}

/** Reads the topics that patterns select, a page at a time, by name. @param patterns undefined for all */
export function topicReader(
  { list, guard, whenDurable }: TopicSource,
  patterns: readonly string[] | undefined,
): LineReader {
  let after: string | undefined = "";
  return {
    async next() {
      while (after !== undefined) {
        const from = after;
        const { lines, next } = guard(() => list.page(from, patterns));
        // What is counted must not be lost any more.
        await whenDurable();
        after = after === undefined ? undefined : next;
        if (lines.length > 0) return pageOf(lines);
        await nextTurn();
      }
      return undefined;
    },
    close() {
      after = undefined;
    },
  };
}
