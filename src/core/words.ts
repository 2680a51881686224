/** A word of a text, folded, and where it stands: in UTF-16 units. */
export interface Word {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Scripts that put no spaces between words: each of their characters counts as a word. */
const UNSPACED = "Han Hiragana Katakana Thai Lao Khmer Myanmar"
  .split(" ")
  .map((script) => String.raw`\p{Script=${script}}`)
  .join("");
const WORD = new RegExp(
  String.raw`[${UNSPACED}]\p{M}*|[[\p{L}\p{N}\p{M}]--[${UNSPACED}]]+|\p{Extended_Pictographic}`,
  "gv",
);
const ASCII = /^[\0-\x7f]*$/;
/** The marks that accents are, in the scripts where a word without them is the same word to who searches. */
const ACCENTS =
  /[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]+/g;

/** What colours a terminal, as the output of programs has it: its digits and its letter are no part of a word beside it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it begins with one
const COLOUR = /\x1b\[[0-9;:]*m/g;

/** The text with blanks in place of colours: all else stays where it is. */
function uncoloured(text: string): string {
  if (!text.includes("\x1b")) return text;
  return text.replace(COLOUR, (code) => " ".repeat(code.length));
}

/** The words of a text, in order: runs of letters and digits, without their case and accents. */
export function wordsIn(coloured: string): Word[] {
  const text = uncoloured(coloured);
  if (ASCII.test(text)) return asciiWords(text.toLowerCase());
  const words: Word[] = [];
  for (const { 0: found, index: start } of text.matchAll(WORD)) {
    const end = start + found.length;
    if (ASCII.test(found)) words.push({ text: found.toLowerCase(), start, end });
    else for (const part of folded(found)) words.push({ text: part, start, end });
  }
  return words;
}

/** The same for most texts, several times as fast. @param lower without upper case */
function asciiWords(lower: string): Word[] {
  const words: Word[] = [];
  for (let start = -1, at = 0; at <= lower.length; at++) {
    const code = lower.charCodeAt(at);
    const isInWord = (code >= 97 && code <= 122) || (code >= 48 && code <= 57);
    if (isInWord && start < 0) start = at;
    if (isInWord || start < 0) continue;
    words.push({ text: lower.slice(start, at), start, end: at });
    start = -1;
  }
  return words;
}

/**
 * A text with the same words, for a tokenizer that takes each character beyond ASCII for a part of a word, and that
 * folds the case of ASCII alone, as the one named `ascii` in SQLite does.
 */
export function foldedText(text: string): string {
  if (ASCII.test(text)) return uncoloured(text);
  let all = "";
  for (const word of wordsIn(text)) all += `${word.text} `;
  return all;
}

/** The parts that a word falls into: a ligature or a fraction has several letters. */
function folded(word: string): string[] {
  const plain = word.normalize("NFKD").replace(ACCENTS, "").normalize("NFC");
  // Upper case first: ß and SS are one.
  const lower = plain.toUpperCase().toLowerCase().replaceAll("ς", "σ");
  return lower.replace(ACCENTS, "").match(WORD) ?? [];
}
