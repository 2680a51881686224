import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { type Shortcut, shortcuts } from "../lib/keyboard.ts";

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
      <form method="dialog" class="dialog-head">
        <h2 id="shortcuts-title">Keyboard</h2>
        <button type="submit" class="quiet" aria-label="Close the list of keys">
          ×
        </button>
      </form>
      {isShown.value && (
        <dl class="shortcuts">
          {distinct().map(({ keys, does }) => (
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
    </dialog>
  );
}

/** The keys that work, each once: of two that are the same, the one of the newer part. */
function distinct(): Pick<Shortcut, "keys" | "does">[] {
  const seen = new Set<string>();
  return shortcuts().flatMap(({ keys, does }) => {
    const free = keys.filter((key) => !seen.has(key));
    for (const key of free) seen.add(key);
    return free.length > 0 ? [{ keys: free, does }] : [];
  });
}

const NAMES: Readonly<Record<string, string>> = {
  " ": "Space",
  ArrowUp: "↑",
  ArrowDown: "↓",
  ArrowLeft: "←",
  ArrowRight: "→",
  Escape: "Esc",
};
