import { isPlain, visibleParts } from "../../../core/visible.ts";

/** The most characters of one text: a browser lays out a longer one slowly, whatever is visible of it. */
const MAX_SHOWN = 10_000;

/**
 * Shows text from the store: as text, with control and bidi characters shown, isolated from the text around it.
 *
 * @param kept characters that act, such as line ends in a `pre`
 */
export function Text({ value, max = MAX_SHOWN }: { value: string; max?: number }) {
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
      {[...visibleParts(shown)].map(({ text, isMark }, at) =>
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
