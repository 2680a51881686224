import { neighbourVerb } from "./neighbours.ts";

export const previous = neighbourVerb("previous", "before");
