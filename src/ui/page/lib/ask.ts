import { key, lostKey } from "./key.ts";

/** A failure that the API, or the inspector, names. */
export class Problem extends Error {
  readonly status: number;
  /** The stable code; `away` where nothing answers. */
  readonly code: string;
  /** How far the index of the search is, where it is being made. */
  readonly percent: string | undefined;

  constructor(status: number, code: string, detail: string, percent?: string) {
    super(detail);
    this.status = status;
    this.code = code;
    this.percent = percent;
  }
}

/**
 * Asks the API of the store. The caller aborts the signal when it no longer wants the answer.
 *
 * @param path of the API, with its query
 * @throws Problem for all but a success; the reason of the signal
 */
export function ask(path: string, init: RequestInit & { signal: AbortSignal }): Promise<Response> {
  return askInspector(`/api${path}`, init);
}

/** Asks the inspector itself. @throws Problem */
export async function askInspector(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (key.peek()) headers.set("authorization", `Bearer ${key.peek()}`);
  let response: Response;
  try {
    response = await fetch(path, { cache: "no-store", ...init, headers });
  } catch (error) {
    init.signal?.throwIfAborted();
    throw new Problem(0, "away", `nothing answers at ${location.host}: ${messageOf(error)}`);
  }
  if (response.ok) return response;
  const problem = await problemIn(response);
  // A link that was used says nothing of the key that this tab has.
  if (problem.status === 401 && path !== "/key") lostKey();
  throw problem;
}

/** Asks for one JSON value. @throws Problem */
export async function askJson<T>(path: string, signal: AbortSignal): Promise<T> {
  return (await (await ask(path, { signal })).json()) as T;
}

async function problemIn(response: Response): Promise<Problem> {
  const text = await response.text().catch(() => "");
  try {
    const { code, detail, percent } = JSON.parse(text) as Record<"code" | "detail", string> & {
      percent?: string;
    };
    return new Problem(response.status, code, detail, percent);
  } catch {
    return new Problem(response.status, "internal", text || `the answer is ${response.status}`);
  }
}

/** The bytes of all that an answer is a part of; undefined where it is no part. */
export function sizeOfWhole({ headers }: Response): number | undefined {
  const [, total] = /\/(\d+)$/.exec(headers.get("content-range") ?? "") ?? [];
  return total === undefined ? undefined : Number(total);
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether an error is only the end of a request that nobody wants any more. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** Whether an error passes by itself: nothing answers, or the server cannot just now. */
export function isPassing(error: unknown): boolean {
  return error instanceof Problem && (error.status === 0 || error.status >= 502);
}
