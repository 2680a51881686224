/** Scripts in which words hold joiners: they choose the form of the letters beside them. */
const JOINING = [
  "Arabic Syriac Mongolian Devanagari Bengali Gurmukhi Gujarati Oriya",
  "Tamil Telugu Kannada Malayalam Sinhala Khmer Tibetan",
]
  .join(" ")
  .replaceAll(/\w+/g, String.raw`\p{Script=$&}`);
const EMOJI = String.raw`\p{Extended_Pictographic}\ufe0f?\p{Emoji_Modifier}?`;

/** Where characters that are hidden elsewhere belong. */
const KEPT = [
  // The flag of a region, such as Wales.
  String.raw`\u{1f3f4}[\u{e0030}-\u{e007a}]{1,6}\u{e007f}`,
  // A family.
  String.raw`${EMOJI}(?:\u200d${EMOJI}){1,9}`,
  String.raw`(?<=[${JOINING.replaceAll(" ", "")}])[\u200c\u200d](?=\p{L})`,
  // The variant of one character.
  String.raw`(?<=[\p{L}\p{N}\p{P}\p{S}])\p{Variation_Selector}`,
];

/**
 * What a terminal obeys, or a person cannot see: control characters, marks that change the direction of text,
 * characters without width, line separators, and half characters. The excepted ones stand for numbers in Arabic text.
 */
const HIDDEN = [
  String.raw`[[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Variation_Selector}]--[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}]]`,
  // A tower of accents reaches into other lines.
  String.raw`(?<=\p{M}{8})\p{M}`,
];

/** Finds both; what it found is in the group `hidden` or not. */
const PARTS = new RegExp(`${KEPT.join("|")}|(?<hidden>${HIDDEN.join("|")})`, "gv");

/** Most text has none of these, and needs no closer look. */
const PLAIN = /^[\x20-\x7e]*$/;

/** Tells whether a text has only printable ASCII: as many columns as characters, and nothing to show. */
export function isPlain(text: string): boolean {
  return PLAIN.test(text);
}

/**
 * Shows control and bidi characters, and other characters that hide, as `\u{1b}`: a terminal that prints the result
 * obeys nothing in it.
 *
 * @param kept characters to leave as they are, such as line ends
 * @param mark formats what stands for a character
 */
export function visible(text: string, kept = "", mark = (shown: string) => shown): string {
  return replaceHidden(text, kept, (char) => mark(shownCode(char)));
}

/**
 * Splits a text into what may be printed and, each by itself, what stands for a character that may not.
 *
 * @param kept characters to leave as they are, such as line ends
 */
export function* visibleParts(
  text: string,
  kept = "",
): Generator<{ text: string; isMark: boolean }> {
  let start = 0;
  for (const match of text.matchAll(PARTS)) {
    if (match.groups?.hidden === undefined || kept.includes(match[0])) continue;
    if (start < match.index) yield { text: text.slice(start, match.index), isMark: false };
    yield { text: shownCode(match[0]), isMark: true };
    start = match.index + match[0].length;
  }
  if (start < text.length) yield { text: text.slice(start), isMark: false };
}

/**
 * Escapes the same characters in JSON text as JSON does, `\u202e`: its value stays the same. Line ends stay.
 *
 * @param json valid JSON, or lines of it
 */
export function visibleJson(json: string): string {
  return replaceHidden(json, "\r\n\t", (char) =>
    char
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}

function replaceHidden(text: string, kept: string, show: (char: string) => string): string {
  if (isPlain(text)) return text;
  return text.replaceAll(PARTS, (part, ...rest) => {
    const { hidden } = rest.at(-1) as { hidden?: string };
    return hidden === undefined || kept.includes(part) ? part : show(part);
  });
}

function shownCode(char: string): string {
  return `\\u{${char.codePointAt(0)?.toString(16)}}`;
}
