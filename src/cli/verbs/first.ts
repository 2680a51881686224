import { endVerb } from "../kit/ends.ts";

export const first = endVerb("first", {}, [
  ["xs first", "the oldest frame of all"],
  ["xs first note 3", "the three oldest notes"],
]);
