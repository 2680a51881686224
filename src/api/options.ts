import { parseFlag } from "../core/read-options.ts";
import type { ValueType } from "./description/values.ts";

/** An option of a query, with the function that parses its value. */
export interface Option<T> {
  /** @throws XsError */
  readonly parse: (text: string, name: string) => T;
  /** The value of an absent option. */
  readonly absent: T;
  /** What the text of its value may be, for the description of the API. */
  readonly type: ValueType;
  /** Describes the option in a few words, for the documentation. */
  readonly about: string;
  /** The option may occur several times: its route reads the query itself. */
  readonly isList?: boolean;
}

export type Options = Readonly<Record<string, Option<unknown>>>;

/** The parsed values of options, by name. */
export type Values<O extends Options> = { readonly [K in keyof O]: O[K]["absent"] };

/** Makes an option that an empty value, `true` or `yes` turns on. */
export function flag(about: string): Option<boolean> {
  return { about, type: "flag", absent: false, parse: parseFlag };
}

/** Makes an option with a parsed value; undefined if absent. */
export function value<T>(
  about: string,
  type: ValueType,
  parse: (text: string, name: string) => T,
): Option<T | undefined> {
  return { about, type, absent: undefined, parse };
}

/** Makes an option whose value is its text; undefined if absent. */
export function text(about: string, type: ValueType): Option<string | undefined> {
  return value(about, type, (given) => given);
}
