import type { Route } from "./route.ts";

/** Responds with the description of the API as OpenAPI 3.1; it is made only when somebody asks. */
export async function openapi(routes: readonly Route[]): Promise<Response> {
  const { describe } = await import("./description/document.ts");
  const text = `${JSON.stringify(describe(routes))}\n`;
  return new Response(text, { headers: { "content-type": "application/json" } });
}
