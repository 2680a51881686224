/** What a key does, for the list of keys and for the keys themselves. */
export interface Shortcut {
  /** As `KeyboardEvent.key` has it; several do the same. */
  readonly keys: readonly string[];
  readonly does: string;
  run(event: KeyboardEvent): void;
}

const layers: (readonly Shortcut[])[] = [];

/**
 * Adds the keys of a part of the page while it is shown: the newest part comes first.
 *
 * @returns a function that takes them away
 */
export function addShortcuts(shortcuts: readonly Shortcut[]): () => void {
  layers.unshift(shortcuts);
  return () => {
    const at = layers.indexOf(shortcuts);
    if (at >= 0) layers.splice(at, 1);
  };
}

/** All keys that work now. */
export function shortcuts(): readonly Shortcut[] {
  return layers.flat();
}

window.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  // In a field, keys write; Escape leaves it.
  const isWriting =
    event.target instanceof HTMLElement &&
    event.target.matches("input, textarea, select, [contenteditable]");
  if (isWriting && event.key !== "Escape") return;
  if (isForElement(event)) return;
  const found = shortcuts().find(({ keys }) => keys.includes(event.key));
  if (!found) return;
  event.preventDefault();
  found.run(event);
});

/** Keys that scroll what has the focus. */
const SCROLLS = /^(?:Arrow|Page|Home$|End$| $)/;

/** Whether the element with the focus does something with a key itself: a button with Space, a text that scrolls. */
function isForElement({ key, target }: KeyboardEvent): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (key === " " && target.matches("button, summary, audio, video")) return true;
  return SCROLLS.test(key) && target.closest("[data-scrolls], audio, video, dialog") !== null;
}
