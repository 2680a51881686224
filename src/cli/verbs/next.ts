import { neighbourVerb } from "../kit/neighbours.ts";

export const next = neighbourVerb("next", "after");
