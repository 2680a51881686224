import type { ComponentChildren } from "preact";
import { Text } from "./text.tsx";

interface PaneHeadProps {
  /** Text from the store. */
  readonly title: string;
  /** What closes, as `Close the entry`. */
  readonly closes: string;
  readonly close: () => void;
  /** Beside the title. */
  readonly beside?: ComponentChildren;
  /** Below it. */
  readonly children?: ComponentChildren;
}

/** The head of what is open beside a list. */
export function PaneHead({ title, closes, close, beside, children }: PaneHeadProps) {
  return (
    <header class="frame-head">
      <div class="frame-title">
        <h2>
          <Text value={title} />
        </h2>
        {beside}
        <button
          type="button"
          class="quiet"
          aria-label={closes}
          title={`${closes} (Esc)`}
          onClick={close}
        >
          ×
        </button>
      </div>
      {children}
    </header>
  );
}
