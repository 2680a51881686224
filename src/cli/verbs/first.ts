import { endVerb } from "../kit/first-last.ts";

export const first = endVerb("first", {}, [
  ["xs first", "the oldest frame of all"],
  ["xs first note 3", "the three oldest notes"],
]);
