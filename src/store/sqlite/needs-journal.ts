import { shellWord, XsError } from "../../core/error.ts";

/** The refusal to write to one directory of several without the journal that they share. */
export function needsJournal(path: string, journal: string): XsError {
  return new XsError(
    "journal_needed",
    `${path} is a node of the store ${journal}: reading works; to write, start it with  xs serve ${shellWord(path)} --journal nats://HOST,HOST,HOST/${journal}`,
  );
}

/** The refusal to write to a directory that is to be one of several, and has no record yet. */
export function awaitsJournal(path: string): XsError {
  return new XsError(
    "journal_needed",
    `${path} is to be a node of a store on several machines: start it with  xs serve ${shellWord(path)} --journal URL`,
  );
}
