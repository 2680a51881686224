import type { Client } from "../../client/client.ts";

/** Which request a follower sends next, and what it prints of the answers. */
export interface Resume {
  /** Nothing is left to read. */
  readonly isDone: boolean;
  /** Sends the next request. */
  open(ask: Client["request"]): Promise<Response>;
  /** Takes a line of JSON, and returns the lines to print: the line, unless it was printed before. */
  take(line: string, ask: Client["request"]): string[] | Promise<string[]>;
  /** Called when an answer has ended whole. Returns whether the read goes on with another request. */
  goesOn(): boolean;
}
