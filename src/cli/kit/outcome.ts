import { messages } from "./messages.ts";

/** What became of a request about a processor, for a person. */
export interface Outcome {
  /** It is done; else it is to come, or there was nothing to do, and the text says which. */
  readonly isDone: boolean;
  readonly text: string;
}

/** Prints an outcome on stderr. */
export function sayOutcome({ isDone, text }: Outcome): void {
  if (isDone) messages.success(text);
  else messages.info(text);
}
