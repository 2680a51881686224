import { timestampOf } from "../../core/id.ts";
import type { Style } from "../kit/colours.ts";
import { plural } from "../kit/plural.ts";
import { agoText, Clock } from "./clock.ts";
import { COLUMNS_FOR_ID, fit } from "./fit.ts";
import { sizeText } from "./size.ts";

/** The facts about a store, as `GET /-/info` returns them; a token gets some of them. */
interface Info {
  readonly version: string;
  readonly serves: boolean;
  readonly path?: string;
  readonly first?: string | null;
  readonly last?: string | null;
  readonly frames?: number;
  readonly topics?: number;
  readonly entries?: number;
  readonly database_bytes?: number;
  readonly free_bytes?: number;
  readonly schema?: number;
  readonly writable?: boolean;
  readonly reason?: string;
  readonly features?: { readonly search?: boolean; readonly effects?: boolean };
  readonly server?: {
    readonly pid: number;
    readonly started: string;
    readonly paused?: boolean;
    readonly expose?: string;
    readonly http?: string;
  };
  readonly token?: {
    readonly name: string;
    readonly read: readonly string[];
    readonly append: readonly string[];
    readonly keys: string | null;
    readonly all: boolean;
  };
}

/** Shows facts about a store, one a line. */
export class InfoLines {
  readonly #style: Style;

  constructor(style: Style) {
    this.#style = style;
  }

  /** Yields the lines. @param lines the one that `GET /-/info` returns */
  *show(lines: readonly string[], columns: number): Generator<string> {
    for (const line of lines) {
      const rows = rowsOf(JSON.parse(line) as Info, columns).filter(([, text]) => text !== "");
      const width = Math.max(...rows.map(([name]) => name.length)) + 2;
      for (const [name, text] of rows) {
        const label = fit(name.padEnd(width), columns, this.#style);
        const rest = fit(text, columns - label.width, this.#style).text;
        yield `${`${this.#style.dim(label.text)}${rest}`.trimEnd()}\n`;
      }
    }
  }
}

function rowsOf(info: Info, columns: number): [name: string, text: string][] {
  const { frames, topics, entries, database_bytes: size, free_bytes: free, features } = info;
  return [
    ["store", info.path ?? ""],
    ["served", servedText(info)],
    ["API", info.server?.expose ?? ""],
    ["pages", info.server?.http ?? ""],
    ["token", info.token?.name ?? ""],
    ["may", mayText(info.token)],
    [
      "events",
      frames === undefined
        ? ""
        : `${frames.toLocaleString("en")} in ${plural(topics ?? 0, "topics")}`,
    ],
    ["newest", timeText(info.last, columns)],
    ["first", timeText(info.first, columns)],
    ["entries", entries === undefined ? "" : entries.toLocaleString("en")],
    ["database", size === undefined ? "" : `${sizeText(size)}, ${sizeText(free ?? 0)} of it free`],
    ["schema", info.schema === undefined ? "" : String(info.schema)],
    ["indexes", indexText(features)],
    ["writes", info.writable === false ? `refused: ${info.reason ?? ""}` : ""],
  ];
}

function servedText({ version, serves, server }: Info): string {
  if (!serves) return "no server: this command read the store itself";
  const start = server && Date.parse(server.started);
  const since = start ? `, pid ${server.pid}, since ${new Clock().stamp(start)}` : "";
  return `by xs ${version}${since}${server?.paused ? ", paused" : ""}`;
}

function indexText(features: Info["features"]): string {
  if (!features) return "";
  const there = [
    features.search && "of words (xs search)",
    features.effects && "of effects (xs why)",
  ];
  return there.filter(Boolean).join(", ") || "none yet";
}

function mayText(token: Info["token"]): string {
  if (!token) return "";
  const { read, append, keys, all } = token;
  return [
    read.length > 0 && `read ${read.join(",")}`,
    append.length > 0 && `append ${append.join(",")}`,
    keys !== null && (keys === "" ? "use all keys" : `use the keys ${keys}…`),
    all && "and what may start code",
  ]
    .filter(Boolean)
    .join("; ");
}

function timeText(id: string | null | undefined, columns: number): string {
  if (!id) return "";
  const ms = timestampOf(id);
  return `${new Clock().stamp(ms)}  (${agoText(ms)})${columns < COLUMNS_FOR_ID ? "" : `  ${id}`}`;
}
