import { neighbourVerb } from "../kit/neighbours.ts";

export const previous = neighbourVerb("previous", "before");
