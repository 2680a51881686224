import type { Frame } from "../../core/frame.ts";
import { timestampOf } from "../../core/id.ts";
import { memberText } from "../../core/json.ts";
import type { Style } from "../kit/colours.ts";
import { Clock } from "./clock.ts";
import { NamedLines } from "./named-lines.ts";
import { Preview, sizeOfBase64 } from "./preview.ts";
import { rule } from "./rule.ts";
import { isPulse, isThreshold } from "./shown-frame.ts";
import { sizeText } from "./size.ts";
import { tableOf } from "./table.ts";

/** An entry as a list of entries has it. */
interface ListedEntry {
  readonly key: string;
  readonly rev: string;
  readonly size: number;
  readonly type: string;
}

/** A line of a watch: an entry with its value, in JSON or base64, or one that was deleted. */
type WatchedEntry = Pick<ListedEntry, "key" | "rev"> & {
  readonly deleted?: true;
  readonly value?: unknown;
  readonly base64?: string;
};

/** Shows a list of entries as a table, from lines of `GET /kv`. */
export const EntryTable = tableOf(
  [
    { head: "CHANGED", alignRight: true, format: (cell, { dim }) => dim(cell) },
    { head: "REVISION", isId: true, format: (cell, { dim }) => dim(cell) },
    { head: "SIZE", alignRight: true },
    { head: "TYPE" },
    { head: "KEY", isFlexible: true, format: (cell, { name }) => name(cell) },
  ],
  (line) => {
    const { key, rev, size, type } = JSON.parse(line) as ListedEntry;
    const changed = new Clock().stamp(timestampOf(rev));
    return [changed, rev, sizeText(size), type.replace(/;.*/s, ""), key];
  },
);

/** Shows entries and their changes in one line each: time, key, and the first line of the value. */
export class EntryLines {
  readonly #style: Style;
  readonly #lines: NamedLines;
  readonly #preview: Preview;

  constructor(style: Style) {
    this.#style = style;
    this.#lines = new NamedLines(style);
    this.#preview = new Preview(style);
  }

  /** Yields the lines of entries. @param lines as `GET /kv?follow` returns them */
  async *show(lines: readonly string[], columns: number): AsyncGenerator<string> {
    const entries = lines.map((line) => JSON.parse(line) as WatchedEntry | Frame);
    for (const entry of entries) if ("key" in entry) this.#lines.widen(entry.key);
    let text = "";
    for (const [at, entry] of entries.entries()) {
      if ("key" in entry) {
        const line = { id: entry.rev, name: entry.key };
        const value = (left: number) => this.#value(entry, lines[at] ?? "", left);
        text += `${await this.#lines.line(line, columns, value)}\n`;
      } else if (isThreshold(entry)) {
        text += `${rule("live", columns, this.#style)}\n`;
      } else if (!isPulse(entry)) {
        throw new Error(`a watch brought a frame of ${entry.topic}`);
      }
    }
    yield text;
  }

  #value({ deleted, value, base64 }: WatchedEntry, json: string, columns: number): string {
    if (deleted) return this.#preview.note("(deleted)", columns);
    if (base64 !== undefined) return this.#preview.binary(sizeOfBase64(base64), columns);
    if (typeof value === "string") return this.#preview.text(value, columns);
    return this.#preview.line(memberText(json, "value") ?? "", columns);
  }
}
