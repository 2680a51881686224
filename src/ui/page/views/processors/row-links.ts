import { go, place } from "../../lib/place.ts";
import { OF_PROCESSOR } from "./places.ts";

/** Closes what is beside the list: the person is where they were in it. */
export function closeProcessor(): void {
  const id = place.peek().get("processor");
  go({ ...OF_PROCESSOR, part: undefined, processor: undefined });
  setTimeout(() =>
    rowLinks()
      .find((link) => link.dataset.processor === id)
      ?.focus(),
  );
}

/** The links of the rows, in their order. */
export function rowLinks(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>("[data-processor]")];
}
