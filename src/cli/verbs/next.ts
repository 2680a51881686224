import { neighbourVerb } from "../kit/neighbours.ts";

export const nextVerb = neighbourVerb("next", "after");
