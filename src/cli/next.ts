import { neighbourVerb } from "./neighbours.ts";

export const next = neighbourVerb("next", "after");
