import { XsError } from "../../core/error.ts";
import { stateProblem } from "../protocol.ts";
import { isPlain, kindOf, stateJsonOf } from "./json.ts";

/** State lives on as JSON, so it has to be nothing else. What is in it is looked at when it is kept. */
export function checkState(state: unknown): void {
  if (typeof state === "object" && state !== null) {
    if (isPlain(state) || Array.isArray(state)) return;
    throw new Error(`the state is kept as JSON, which ${kindOf(state)} is not`);
  }
  if (typeof state === "bigint" || typeof state === "function" || typeof state === "symbol") {
    throw new Error(`the state is kept as JSON, which a ${typeof state} is not`);
  }
}

/** The state as JSON. @throws XsError where it has none, or where that is too large to be kept */
export function stateText(state: unknown): string {
  const text = stateJsonOf(state, "next");
  const problem = stateProblem(text);
  if (problem !== undefined) throw new XsError("bad_frame", problem);
  return text;
}
