import type { Server } from "./server.ts";

/** What answers requests: a server, or one of several nodes. */
export type Answering = Pick<Server, "fetch" | "frames" | "append">;

/** The server is gone, or is about to be: whether a request had its effect is not known. */
export class Gone extends Error {}

/** What a server said, whole. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  /** The revision that a write of a pair was given. */
  readonly rev: string | undefined;
}

/** Asks a server that may be killed meanwhile. @throws Gone */
export async function ask(server: Answering, path: string, init?: RequestInit): Promise<Answer> {
  let response: Response;
  let text: string;
  try {
    response = await server.fetch(path, init);
    text = await response.text();
  } catch (error) {
    throw new Gone(`no answer to ${path}`, { cause: error });
  }
  const { status, headers } = response;
  if (status === 503 && text.includes('"store_closed"')) throw new Gone("the store is closed");
  return { status, text, rev: headers.get("etag")?.replaceAll('"', "") };
}

/** Asks for something that has to succeed. @throws Gone */
export async function askFor(server: Answering, path: string, init?: RequestInit): Promise<Answer> {
  const answer = await ask(server, path, init);
  if (answer.status < 300) return answer;
  throw new Error(`${init?.method ?? "GET"} ${path}: ${answer.status} ${answer.text}`);
}
