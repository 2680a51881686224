import type { ComponentChildren } from "preact";

interface ListRowProps {
  readonly id: string;
  /** More classes than that of every row. */
  readonly class?: string;
  readonly isChosen: boolean;
  readonly onClick: () => void;
  readonly children: ComponentChildren;
}

/** A row of a list: the list has the focus, and the keys; a click chooses the row. */
export function ListRow({ id, class: more = "", isChosen, onClick, children }: ListRowProps) {
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list has the focus, and the keys
    <div
      id={id}
      class={`row ${more}`}
      role="option"
      tabIndex={-1}
      aria-selected={isChosen}
      onClick={onClick}
    >
      {children}
    </div>
  );
}
