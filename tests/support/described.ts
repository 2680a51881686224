import { expect } from "bun:test";
import { errorsOf } from "../../src/api/description/outcomes.ts";
import type { Route } from "../../src/api/route.ts";
import { ROUTES } from "../../src/api/routes.ts";
import type { ErrorCode } from "../../src/core/error.ts";

/** Each route with an expression of its paths; those with more fixed segments first. */
const FORMS = ROUTES.map((route): [Route, RegExp] => {
  const segments = route.path.split("/").map((part) => {
    if (!part.startsWith(":")) return RegExp.escape(part);
    return part.endsWith("+") ? ".+" : "[^/]+";
  });
  return [route, new RegExp(`^${segments.join("/")}$`)];
}).sort(([one], [other]) => fixed(other) - fixed(one));

function fixed({ path }: Route): number {
  return path.split("/").filter((part) => part !== "" && !part.startsWith(":")).length;
}

/** Expects that the table of routes names an error for the route that answered with it. */
export function expectDescribed(method: string, path: string, code: string): void {
  const [pathname = ""] = path.split("?");
  const wanted = method === "HEAD" ? "GET" : method;
  const [route] = FORMS.find(([row, form]) => row.method === wanted && form.test(pathname)) ?? [];
  // There is no route for a wrong path or method.
  if (!route || code === "method_not_allowed" || code === "unknown_path") return;
  const codes = errorsOf(route);
  expect(codes, `${method} ${route.path} names its error`).toContain(code as ErrorCode);
}
