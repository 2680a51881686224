import { signal } from "@preact/signals";
import { shellWord } from "../../../core/error.ts";
import { askInspector } from "./ask.ts";

/** What the inspector says of itself. */
export interface About {
  /** The address of the store. */
  readonly name: string;
  /** The page may change the store. */
  readonly writes: boolean;
  /** The store is on several machines. */
  readonly nodes?: true;
}

export const about = signal<About | undefined>(undefined);

/** Asks for it; a failure shows in the views, which ask as well. */
export async function askAbout(): Promise<void> {
  try {
    about.value = (await (await askInspector("/about")).json()) as About;
  } catch {
    about.value = undefined;
  }
}

/** The address of the store, for commands. */
export function storeName(): string {
  return about.value?.name ?? "./store";
}

/** The options by which a command finds the store of this page, from whatever folder. */
export function storeOption(): string {
  return `-s ${shellWord(storeName())}`;
}
