import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { shortcuts } from "../lib/keyboard.ts";

const isShown = signal(false);

/** Shows the keys that work where the person is. */
export function showShortcuts(): void {
  isShown.value = true;
}

/** The list of keys, as a dialog. */
export function ShortcutList() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (isShown.value) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isShown.value]);
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby="shortcuts-title"
      onClose={() => {
        isShown.value = false;
      }}
    >
      <h2 id="shortcuts-title">Keys</h2>
      {isShown.value && (
        <dl class="shortcuts">
          {shortcuts().map(({ keys, does }) => (
            <div key={keys.join()}>
              <dt>
                {keys.map((name) => (
                  <kbd key={name}>{NAMES[name] ?? name}</kbd>
                ))}
              </dt>
              <dd>{does}</dd>
            </div>
          ))}
        </dl>
      )}
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}

const NAMES: Readonly<Record<string, string>> = {
  " ": "Space",
  ArrowUp: "↑",
  ArrowDown: "↓",
  ArrowLeft: "←",
  ArrowRight: "→",
  Escape: "Esc",
};
