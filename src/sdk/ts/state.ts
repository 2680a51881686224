import { XsError } from "../../core/error.ts";
import { stateProblem } from "../protocol.ts";
import { isPlain, kindOf, stateJsonOf } from "./json.ts";

/** Checks that a state can be JSON, without its contents: {@link stateText} checks those. @throws Error */
export function checkState(state: unknown): void {
  if (typeof state === "object" && state !== null) {
    if (isPlain(state) || Array.isArray(state)) return;
    throw new Error(`the state is kept as JSON, which ${kindOf(state)} is not`);
  }
  if (typeof state === "bigint" || typeof state === "function" || typeof state === "symbol") {
    throw new Error(`the state is kept as JSON, which a ${typeof state} is not`);
  }
}

/** Encodes a state as JSON. @throws XsError `bad_frame` if it is no JSON, or too large to keep; Unsettled */
export function stateText(state: unknown): string {
  const text = stateJsonOf(state, "next");
  const problem = stateProblem(text);
  if (problem !== undefined) throw new XsError("bad_frame", problem);
  return text;
}
