import { signal } from "@preact/signals";
import { Problem } from "../../lib/ask.ts";

/** What is wrong with a field, as the store says it, and the text to which that applies. */
export interface FieldProblem {
  readonly name: "q" | "topic";
  readonly text: string;
  readonly problem: string;
}

export const fieldProblem = signal<FieldProblem | undefined>(undefined);

/** Notes what the store refused, where a field of the page is the reason. @param q empty without a search */
export function noteRefusal(error: unknown, q: string, topic: string): void {
  if (!(error instanceof Problem)) return;
  const isTopic = error.code === "bad_topic" && topic !== "";
  if (!isTopic && error.code !== "bad_query" && error.code !== "bad_topic") return;
  const name = isTopic ? "topic" : "q";
  fieldProblem.value = { name, text: isTopic ? topic : q, problem: error.message };
}
