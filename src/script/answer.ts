import { type ErrorCode, XsError } from "../frame/error.ts";

/** Gives an answer of the API back if it is a success. @throws XsError what it says, if it is not */
export async function success(response: Response): Promise<Response> {
  if (response.ok) return response;
  const text = await response.text();
  let problem: { code?: ErrorCode; detail?: string } = {};
  try {
    problem = JSON.parse(text);
  } catch {
    // Not one of ours: the status has to do.
  }
  throw new XsError(
    problem.code ?? (response.status === 431 ? "meta_too_large" : "internal"),
    problem.detail ?? `the server answered ${response.status} ${response.statusText}`,
  );
}
