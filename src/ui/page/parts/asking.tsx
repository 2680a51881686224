import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { takeFocus } from "../lib/focus.ts";

interface AskingProps {
  /** What the button says. */
  readonly label: string;
  readonly question: ComponentChildren;
  readonly yes: string;
  readonly no: string;
  readonly isBusy: boolean;
  /** What a person who says yes wants, as it was when they asked. */
  readonly act: () => void;
}

/** A button for what cannot be taken back: it asks before it acts. */
export function Asking({ label, question, yes, no, isBusy, act }: AskingProps) {
  const [asked, setAsked] = useState<() => void>();
  if (!asked) {
    return (
      <button type="button" disabled={isBusy} onClick={() => setAsked(() => act)}>
        {label}
      </button>
    );
  }
  const leave = () => setAsked(undefined);
  return (
    <div class="asking">
      <p>{question}</p>
      <div class="actions">
        <button
          type="button"
          class="danger"
          onClick={() => {
            leave();
            asked();
          }}
        >
          {yes}
        </button>
        {/* The answer that loses nothing has the focus. */}
        <button type="button" ref={takeFocus} onClick={leave}>
          {no}
        </button>
      </div>
    </div>
  );
}
