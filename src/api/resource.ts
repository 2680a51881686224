import { XsError } from "../core/error.ts";
import type { Call } from "./call.ts";

type Method = "GET" | "POST" | "PUT" | "DELETE";

type Handler = (call: Call) => Response | Promise<Response>;

/** What there is at a path. */
export interface Resource {
  /** By method; HEAD comes with GET. */
  readonly methods: Partial<Record<Method, Handler>>;
  /**
   * Throws where the name in the path is none that a method could ever succeed with. The method is
   * answered all the same, as it tells more, but `Allow` does not name it.
   */
  readonly needs?: Partial<Record<Method, () => unknown>>;
}

/**
 * Answers a request to a resource.
 *
 * @throws XsError `method_not_allowed`, with `Allow`
 */
export function answerOf(resource: Resource, call: Call): Response | Promise<Response> {
  const { method } = call.request;
  const handler = resource.methods[(method === "HEAD" ? "GET" : method) as Method];
  if (!handler) throw notAllowed(resource, call);
  return method === "HEAD" ? headOf(handler(call)) : handler(call);
}

async function headOf(answer: Response | Promise<Response>): Promise<Response> {
  const { body, status, headers } = await answer;
  await body?.cancel();
  return new Response(null, { status, headers });
}

function notAllowed(resource: Resource, { request, url }: Call): XsError {
  const { method } = request;
  const allow = allowed(resource).join(", ");
  const problem = `${method} is not for ${url.pathname}; there is ${allow}`;
  return new XsError("method_not_allowed", problem, { headers: { allow } });
}

/** The methods that can succeed. @throws XsError why none of them can */
function allowed({ methods, needs = {} }: Resource): string[] {
  const names: string[] = [];
  let reason: unknown;
  for (const name of Object.keys(methods) as Method[]) {
    try {
      needs[name]?.();
      names.push(...(name === "GET" ? [name, "HEAD"] : [name]));
    } catch (error) {
      reason ??= error;
    }
  }
  if (names.length === 0) throw reason;
  return names;
}
