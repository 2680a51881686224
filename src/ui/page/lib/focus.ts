/** What is listed in a view: the row links of a table have the focus themselves. */
const LISTS = '[role="listbox"], tr.is-chosen a, tbody a';

/** What the focus was in, from the inside out. */
let around: readonly Element[] = [];

/** Gives the focus to the list of the view; where there is none, to the view. */
export function focusView(): void {
  const view = document.getElementById("view");
  (view?.querySelector<HTMLElement>(LISTS) ?? view)?.focus();
}

/** As a ref: an element that has the focus as soon as it is there, as a field that a person asked for. */
export function takeFocus(element: HTMLElement | null): void {
  element?.focus();
}

/** Gives the focus to what is open beside the list. @returns false where nothing is */
export function focusPane(): boolean {
  const pane = document.querySelector<HTMLElement>("#view aside");
  pane?.focus();
  return pane !== null;
}

/** Leaves a field, or what is gone, for the part of the page that is around it. */
function focusAround(parts: readonly Element[]): void {
  const part = parts.find((each) => each.isConnected && each.matches("[tabindex]"));
  if (part instanceof HTMLElement && part.id !== "view") part.focus({ preventScroll: true });
  else focusView();
}

/** Leaves a field. */
export function leaveField(field: Element): void {
  focusAround(ancestors(field));
}

/**
 * Keeps the focus in the page: when the element that has it is taken away, as a pane that closes or a row of a tree that
 * is walked, the focus would fall back to the begin of the page.
 */
export function keepFocus(page: Element): void {
  addEventListener("focusin", ({ target }) => {
    if (target instanceof Element) around = [target, ...ancestors(target)];
  });
  const hear = () => {
    const [last] = around;
    if (!last || last.isConnected) return;
    const lost = around;
    around = [];
    // The code that removed it may have moved the focus already.
    if (document.activeElement === document.body) focusAround(lost);
  };
  new MutationObserver(hear).observe(page, { childList: true, subtree: true });
}

function ancestors(element: Element): Element[] {
  const found: Element[] = [];
  for (let at = element.parentElement; at; at = at.parentElement) found.push(at);
  return found;
}
