import { ask, Problem } from "../../lib/ask.ts";

/** An entry with its value. */
export interface Value {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly size: number;
  readonly type: string;
  readonly rev: string;
  readonly by: string | undefined;
}

const WRITE_MS = 30_000;

/** The path of an entry. @throws Problem for a key that there cannot be, and that asks for something else */
function entryPath(key: string): string {
  if (key === "." || key === "..") {
    throw new Problem(0, "bad_key", `the key ${key} means a folder in a URL: choose another`);
  }
  return `/kv/${encodeURIComponent(key)}`;
}

/** Reads an entry; undefined where there is none. @throws Problem */
export async function readEntry(key: string, signal: AbortSignal): Promise<Value | undefined> {
  let response: Response;
  try {
    response = await ask(entryPath(key), { signal });
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return undefined;
    throw error;
  }
  const { headers } = response;
  const bytes = new Uint8Array(await response.arrayBuffer());
  return {
    bytes,
    size: bytes.length,
    type: headers.get("content-type") ?? "",
    rev: (headers.get("etag") ?? "").replaceAll('"', ""),
    by: headers.get("xs-by") ?? undefined,
  };
}

/**
 * Puts a value, if the entry still has a revision; null for one that must not be there.
 *
 * @throws Problem `precondition_failed` where it has another one
 */
export async function putEntry(
  key: string,
  value: string,
  type: string,
  rev: string | null,
): Promise<void> {
  const condition = rev === null ? { "if-none-match": "*" } : { "if-match": `"${rev}"` };
  await ask(entryPath(key), {
    method: "PUT",
    body: value,
    headers: { "content-type": type, ...condition },
    signal: AbortSignal.timeout(WRITE_MS),
  });
}

/** Deletes an entry, if it still has a revision. @throws Problem as for a put */
export async function deleteEntry(key: string, rev: string): Promise<void> {
  await ask(entryPath(key), {
    method: "DELETE",
    headers: { "if-match": `"${rev}"` },
    signal: AbortSignal.timeout(WRITE_MS),
  });
}

/** Whether a write failed because somebody else wrote meanwhile. */
export function isConflict(error: unknown): boolean {
  return error instanceof Problem && error.status === 412;
}
