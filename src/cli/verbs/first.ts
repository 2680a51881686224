import { endVerb } from "../kit/first-last.ts";

export const firstVerb = endVerb("first", {}, [
  ["xs first", "the oldest frame of all"],
  ["xs first note 3", "the oldest three notes"],
]);
