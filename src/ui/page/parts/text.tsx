import { isPlain, visibleParts } from "../../../core/visible.ts";

/** The most characters of one text: a browser lays out a longer one slowly, whatever is visible of it. */
const MAX_SHOWN = 10_000;

interface TextProps {
  readonly value: string;
  /** The most characters that are shown. */
  readonly max?: number;
  /** Control characters that act, such as line ends in a `pre`. */
  readonly kept?: string;
}

/**
 * Shows text from the store: as text, with control and bidi characters shown, isolated from the text around it.
 *
 */
export function Text({ value, max = MAX_SHOWN, kept = "" }: TextProps) {
  const shown = value.length > max ? value.slice(0, max) : value;
  const more = value.length - shown.length;
  const rest = more > 0 && <span class="dim">… {more} more</span>;
  if (isPlain(shown))
    return (
      <bdi>
        {shown}
        {rest}
      </bdi>
    );
  return (
    <bdi>
      {[...visibleParts(shown, kept)].map(({ text, isMark }, at) =>
        isMark ? (
          <span key={at} class="hidden-char">
            {text}
          </span>
        ) : (
          text
        ),
      )}
      {rest}
    </bdi>
  );
}
