import { quoted, XsError } from "./error.ts";

/** The units of an age, in ms. */
const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** Parses an age: `90s`, `15m`, `12h`, `7d`, `4w`, or a number of ms. Returns it in ms. @throws XsError `bad_option` */
export function parseAge(text: string, name: string): number {
  const [, digits, unit = ""] = /^([0-9]{1,15})([smhdw]?)$/.exec(text) ?? [];
  const age = Number(digits) * (UNITS[unit] ?? 1);
  if (Number.isSafeInteger(age)) return age;
  throw new XsError(
    "bad_option",
    `the option ${quoted(name)} is an age, like 90s, 15m, 12h, 7d or 4w, or a number of milliseconds, and not ${quoted(text)}`,
  );
}
