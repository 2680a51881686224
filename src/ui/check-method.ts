import { XsError } from "../core/error.ts";

/** @throws XsError `method_not_allowed`, with the problem as its message */
export function checkMethod(
  { method }: Request,
  allowed: readonly string[],
  problem: string,
): void {
  if (allowed.includes(method)) return;
  const allow = allowed.join(", ");
  throw new XsError("method_not_allowed", problem, { headers: { allow } });
}
