import { leaveField } from "./focus.ts";

/** What a key does, for the list of keys and for the keys themselves. */
export interface Shortcut {
  /** As `KeyboardEvent.key` has it; several do the same. */
  readonly keys: readonly string[];
  readonly does: string;
  run(event: KeyboardEvent): void;
}

const layers: (readonly Shortcut[])[] = [];

/** What a person writes in, or chooses in by letters. */
const FIELD = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";
/** What Space and Enter press. */
const PRESSED = "button, summary, audio, video, a[href], [type=checkbox], [type=radio]";
/** The row that is open already: there Enter moves the focus to the open pane. */
const OPEN_ROW = "tbody a[aria-current]";
/** Keys that scroll a part of the page which has the focus. On the list of a view they go from row to row. */
const SCROLLS = /^(?:Arrow|Page|Home$|End$| $)/;
const SCROLLED = 'audio, video, [tabindex="0"]:not([role="listbox"])';
/** These scroll nothing of what is open beside the list. */
const SIDEWAYS = /Left$|Right$/;

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
  const { key, target } = event;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  // A dialog has its own keys, and a word that is being composed has all of them.
  if (event.isComposing || document.querySelector("dialog[open]")) return;
  const element = target instanceof Element ? target : document.body;
  if (element.matches(FIELD)) {
    if (key !== "Escape") return;
    event.preventDefault();
    leaveField(element);
    return;
  }
  if (isForElement(key, element)) {
    // A link is pressed by Space too, as the buttons beside it are.
    if (key === " " && element instanceof HTMLAnchorElement) {
      event.preventDefault();
      element.click();
    }
    return;
  }
  const found = shortcuts().find(({ keys }) => keys.includes(key));
  if (!found) return;
  event.preventDefault();
  found.run(event);
});

/** Whether the element with the focus does something with a key itself. */
function isForElement(key: string, element: Element): boolean {
  if (key === "Enter" && element.matches(OPEN_ROW)) return false;
  if ((key === " " || key === "Enter") && element.matches(PRESSED)) return true;
  if (!SCROLLS.test(key)) return false;
  return element.closest(SIDEWAYS.test(key) ? SCROLLED : `aside, ${SCROLLED}`) !== null;
}
