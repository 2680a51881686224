import { nextTurn } from "../../../lib/next-turn.ts";

/** Lets others write for as long as a step took, so that a long removal takes half of the writer's time at most. */
export function rest(ms: number): Promise<void> {
  return ms < 1 ? nextTurn() : Bun.sleep(ms);
}
