import { isPlain, visibleParts } from "../../../core/visible.ts";
import { count } from "../lib/format.ts";

/** The most characters of one text: a browser lays out a longer one slowly, whatever is visible of it. */
const MAX_SHOWN = 10_000;
/** The most runs of characters that are shown otherwise than as themselves: each is an element of the page. */
const MAX_MARKS = 2000;

interface TextProps {
  readonly value: string;
  /** The most characters that are shown. */
  readonly max?: number;
  /** Control characters that act, such as line ends in a `pre`. */
  readonly kept?: string;
}

/** Shows text from the store: as text, with control and bidi characters shown, isolated from the text around it. */
export function Text({ value, max = MAX_SHOWN, kept = "" }: TextProps) {
  const shown = value.length > max ? begin(value, max) : value;
  if (isPlain(shown)) {
    return (
      <bdi>
        {shown}
        <Rest left={value.length - shown.length} />
      </bdi>
    );
  }
  const { runs, left } = runsOf(shown, kept);
  return (
    <bdi>
      {runs.map(({ text, isMark }, at) =>
        isMark ? (
          <span key={at} class="hidden-char">
            {text}
          </span>
        ) : (
          text
        ),
      )}
      <Rest left={value.length - shown.length + left} />
    </bdi>
  );
}

/** The begin of a text, with no half of a character at its end. */
function begin(text: string, length: number): string {
  return text.slice(0, /[\ud800-\udbff]/.test(text[length - 1] ?? "") ? length - 1 : length);
}

function Rest({ left }: { left: number }) {
  return left > 0 ? <span class="dim">… {count(left)} more</span> : null;
}

interface Run {
  text: string;
  readonly isMark: boolean;
}

/** The runs of a text that are shown in the same way, and how many characters are left behind the last. */
function runsOf(text: string, kept: string): { runs: Run[]; left: number } {
  const runs: Run[] = [];
  let at = 0;
  for (const part of visibleParts(text, kept)) {
    const last = runs.at(-1);
    if (last?.isMark === part.isMark) last.text += part.text;
    else if (runs.length >= 2 * MAX_MARKS) return { runs, left: text.length - at };
    else runs.push(part);
    at += part.isMark ? lengthOf(part.text) : part.text.length;
  }
  return { runs, left: 0 };
}

/** The length of the character for which a mark stands: `\u{1f600}` stands for two halves. */
function lengthOf(mark: string): number {
  return mark.length > "\\u{ffff}".length ? 2 : 1;
}
