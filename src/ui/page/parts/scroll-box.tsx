import type { ComponentChildren, Ref } from "preact";

interface ScrollBoxProps {
  readonly label: string;
  readonly class: string;
  readonly children: ComponentChildren;
  readonly box?: Ref<HTMLElement>;
  readonly onScroll?: (box: HTMLElement) => void;
}

/** A part of the page that scrolls by itself, with the keyboard too. */
export function ScrollBox(props: ScrollBoxProps) {
  const { label, children, box = null, onScroll } = props;
  return (
    // biome-ignore-start lint/a11y/noNoninteractiveTabindex: without it the keyboard cannot scroll it
    <section
      ref={box}
      class={props.class}
      aria-label={label}
      tabIndex={0}
      onScroll={(event) => onScroll?.(event.currentTarget)}
    >
      {children}
    </section>
    // biome-ignore-end lint/a11y/noNoninteractiveTabindex: as above
  );
}
