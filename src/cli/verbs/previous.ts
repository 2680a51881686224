import { neighbourVerb } from "../kit/neighbours.ts";

export const previousVerb = neighbourVerb("previous", "before");
