import type { ComponentChildren } from "preact";
import { messageOf, Problem } from "../lib/ask.ts";
import { Text } from "./text.tsx";

/** Says what went wrong, and what to do. */
export function ProblemNotice({
  error,
  again,
}: {
  error: unknown;
  again?: (() => void) | undefined;
}) {
  const code = error instanceof Problem ? error.code : "internal";
  return (
    <div class="notice notice-bad" role="alert">
      <strong>{code.replaceAll("_", " ")}</strong>
      <p>
        <Text value={messageOf(error)} />
      </p>
      {again && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Says that there is nothing, and how something comes to be there. */
export function EmptyNotice({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="notice notice-empty">
      <strong>{title}</strong>
      {children}
    </div>
  );
}
