import { isTerminal } from "../../lib/is-terminal.ts";

/** Tells whether a stream is a terminal that understands escape sequences. A terminal without TERM is a plain one. */
export function takesEscapes(descriptor: number, env = process.env): boolean {
  return isTerminal(descriptor) && env.TERM !== undefined && env.TERM !== "" && env.TERM !== "dumb";
}

/**
 * Tells whether text for people is coloured on a stream: on a terminal, or with `FORCE_COLOR`, as for `less -R`; never
 * with `FORCE_COLOR=0` or `NO_COLOR` (https://no-color.org).
 */
export function takesColours(descriptor: number, env = process.env): boolean {
  if (env.NO_COLOR) return false;
  const { FORCE_COLOR: force = "" } = env;
  if (force === "0" || force === "false") return false;
  return force !== "" || takesEscapes(descriptor, env);
}

/** Formats text. Each function keeps the formats around it, and leaves the text as it is where there are no colours. */
export type Style = Readonly<Record<keyof typeof FORMATS, (text: string) => string>>;

/**
 * The sequences that begin and end a format. Of the 16 colours, only magenta and red can be read on light and on dark
 * backgrounds in the usual palettes: the others are blue on black, or yellow, green and cyan on white.
 */
const FORMATS = {
  bold: [1, 22],
  dim: [2, 22],
  /** A topic, a key, or what else names a thing. */
  name: [35, 39],
  wrong: [31, 39],
  /** What stands for a character that is not printed. */
  mark: [7, 27],
  /** Black on red, and on yellow. */
  failure: ["41;30", "49;39"],
  warning: ["43;30", "49;39"],
} as const;

/** The formats for a stream with colours, or without. */
export function styleFor(colours: boolean): Style {
  const formats = Object.entries(FORMATS).map(([name, [on, off]]) => [
    name,
    colours
      ? (text: string) => (text === "" ? "" : `\x1b[${on}m${text}\x1b[${off}m`)
      : (text: string) => text,
  ]);
  return Object.fromEntries(formats) as Style;
}
