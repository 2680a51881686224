import type { ComponentChildren } from "preact";

interface FactProps {
  readonly name: string;
  readonly class?: string;
  readonly children: ComponentChildren;
}

/** One of the facts in a list of them: its name, and what it is. */
export function Fact({ name, class: shownAs, children }: FactProps) {
  return (
    <>
      <dt>{name}</dt>
      <dd class={shownAs}>{children}</dd>
    </>
  );
}
