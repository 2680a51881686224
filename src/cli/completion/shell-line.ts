/** A command line up to the cursor. */
export interface TypedLine {
  /** The words before the one at the cursor, without quotes, from the name of the program on. */
  readonly words: readonly string[];
  readonly current: TypedWord;
  /** The word at the cursor is the file of a redirection. */
  readonly isRedirect: boolean;
}

/** A word as it was typed. */
export interface TypedWord {
  /** Without quotes. */
  readonly text: string;
  /** The quote that is still open at its end. */
  readonly quote: "'" | '"' | "";
  /** The part of `text` that the shell keeps: its completion replaces the rest alone. */
  readonly kept: string;
}

const REDIRECT = /^\d*(?:<|>|>>|&>|&>>|>\||<>|<<<)$/;

/**
 * Splits the line of a shell into words, as far as bash, zsh and fish quote alike. It expands and evaluates nothing.
 *
 * @param breaks the characters at which readline begins another word: `COMP_WORDBREAKS`
 */
export function splitLine(line: string, breaks = ""): TypedLine {
  const words: string[] = [];
  let isRedirect = false;
  let word = newWord();
  let quote: TypedWord["quote"] = "";
  const finish = () => {
    if (!word.begun) return;
    if (isRedirect) isRedirect = false;
    else if (word.plain && REDIRECT.test(word.text)) isRedirect = true;
    else words.push(word.text);
    word = newWord();
  };
  for (let at = 0; at < line.length; at++) {
    const char = line[at] ?? "";
    const next = line[at + 1];
    if (quote === "" && /\s/.test(char)) {
      finish();
      continue;
    }
    const isAfterRedirect = word.plain && REDIRECT.test(word.text) && !/[<>|&]/.test(char);
    if (quote === "" && isAfterRedirect) finish();
    word.begun = true;
    if (quote !== "" && char === quote) quote = "";
    else if (quote === "" && (char === "'" || char === '"')) {
      quote = char;
      word.plain = false;
      word.kept = word.text;
    } else if (char === "\\" && quote !== "'" && next !== undefined) {
      if (quote === '"' && !/[\\"$`]/.test(next)) word.text += char;
      word.text += next;
      word.plain = false;
      at++;
    } else {
      word.text += char;
      if (quote === "" && breaks.includes(char)) word.kept = word.text;
    }
  }
  const { text, kept, plain } = word;
  const endsInRedirect = word.begun && quote === "" && plain && REDIRECT.test(text);
  return {
    words,
    current: endsInRedirect ? { text: "", quote, kept: "" } : { text, quote, kept },
    isRedirect: isRedirect || endsInRedirect,
  };
}

function newWord() {
  return { text: "", kept: "", begun: false, plain: true };
}

/** The part of a candidate that takes the place of what bash replaces of a word, quoted; undefined for none. */
export function quotedForBash(candidate: string, { quote, kept }: TypedWord): string | undefined {
  if (!candidate.startsWith(kept)) return undefined;
  const rest = candidate.slice(kept.length);
  if (quote === "'") return rest.replaceAll("'", "'\\''");
  if (quote === '"') {
    // In double quotes bash has no way to write an exclamation mark that history leaves alone.
    return rest.includes("!") ? undefined : rest.replace(/[\\"$`]/g, "\\$&");
  }
  return rest.replace(/[^\w@%+=:,./\u0080-\uffff-]/g, "\\$&");
}
