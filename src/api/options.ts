import { quoted, XsError } from "../core/error.ts";

/** An option of a query: how its text becomes a value. */
export interface Option<T> {
  /** @throws XsError */
  readonly parse: (text: string, name: string) => T;
  /** The value where the option is not given. */
  readonly absent: T;
  /** What it does, in a few words. */
  readonly about: string;
  /** It may come several times: the value is a list. */
  readonly isList?: boolean;
}

export type Options = Readonly<Record<string, Option<unknown>>>;

/** The values of options, by their names. */
export type Values<O extends Options> = { readonly [K in keyof O]: O[K]["absent"] };

/** An option that is on with an empty value, `true` or `yes`. */
export function flag(about: string): Option<boolean> {
  return { about, absent: false, parse: parseFlag };
}

/** An option with a value of its kind; undefined where it is not given. */
export function value<T>(
  about: string,
  parse: (text: string, name: string) => T,
): Option<T | undefined> {
  return { about, absent: undefined, parse };
}

/** An option that is taken as it stands. */
export function text(about: string): Option<string | undefined> {
  return value(about, (given) => given);
}

function parseFlag(given: string, name: string): boolean {
  if (given === "false" || given === "no") return false;
  if (given === "" || given === "true" || given === "yes") return true;
  throw new XsError("bad_option", `${name}=${quoted(given)} is neither true nor false`);
}
