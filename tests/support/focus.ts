import type { Page } from "playwright-core";
import { until } from "./wait.ts";

/** What has the focus, for a person who looks: its role, its name, and whether they see that it has the focus. */
export interface Focus {
  readonly role: string;
  readonly name: string;
  /** There is a ring around it, or it is a field, which has a caret. */
  readonly isSeen: boolean;
  /** It is inside what is open beside the list. */
  readonly isBeside: boolean;
  /** The text of the row that the list has chosen. */
  readonly row: string;
}

/** What has the focus now. */
export async function focusOf(page: Page): Promise<Focus> {
  return await page.evaluate<Focus>(`(() => {
    const element = document.activeElement ?? document.body;
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    const row = element.getAttribute("aria-activedescendant");
    const { width, height } = element.getBoundingClientRect();
    const isField = element.matches("input, textarea, select");
    const isRinged = outlineStyle !== "none" && Number.parseFloat(outlineWidth) > 0;
    return {
      role: element.getAttribute("role") ?? element.tagName.toLowerCase(),
      name: element.getAttribute("aria-label") ?? element.textContent.trim().slice(0, 80),
      isSeen: width > 4 && height > 4 && (isField || isRinged),
      isBeside: element.closest("aside") !== null,
      row: (row && document.getElementById(row)?.textContent) || "",
    };
  })()`);
}

/** Presses a key until something has the focus. @throws after so many times that it is nowhere */
export async function pressUntil(
  page: Page,
  key: string,
  isIt: (focus: Focus) => boolean,
  most = 60,
): Promise<void> {
  const passed: string[] = [];
  for (let times = 0; times < most; times++) {
    await page.keyboard.press(key);
    // What has the focus may be drawn anew at this moment.
    const focus = await focused(page, `something that is seen, after ${key}`, () => true);
    if (isIt(focus)) return;
    passed.push(focus.name);
  }
  throw new Error(`${key} does not get there, but to ${passed.join("; ")}`);
}

/** Waits until something has the focus, and is seen to have it. */
export async function focused(
  page: Page,
  what: string,
  isIt: (focus: Focus) => boolean,
): Promise<Focus> {
  let focus: Focus | undefined;
  try {
    return await until(`the focus is on ${what}`, async () => {
      focus = await focusOf(page);
      return focus.isSeen && isIt(focus) && focus;
    });
  } catch (error) {
    throw new Error(`${(error as Error).message}; it is on ${JSON.stringify(focus)}`);
  }
}
