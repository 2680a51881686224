// What the server and the process that runs shell commands for all handlers tell each other: JSON lines on its stdin
// and stdout.

/** Content up to this size, in bytes, travels in a message. As much fits into a pipe at once. */
export const MAX_INLINE = 64 * 1024;

/** A command to run. */
export interface RunRequest {
  /** Names the run in all messages about it. */
  readonly run: number;
  /** Commands of one lane start in the order in which they come, and none after one that has failed before `go`. */
  readonly lane: string;
  /** How many commands of the lane run at once. */
  readonly width: number;
  readonly command: readonly string[];
  /** The variables beside those that all commands have. */
  readonly env: Readonly<Record<string, string>>;
  /** Its standard input: bytes in base64, or the hash of content in the store; empty where it is left out. */
  readonly input?: { readonly base64: string } | { readonly hash: string };
  /** The file for output that is larger than a message should be. */
  readonly file: string;
}

/**
 * The messages to that process. `go`: the commands of a lane after one that has failed may start. `ack`: it may send more of
 * the standard error of a run. `release`: the spawn whose commands are over, with all that they have left behind.
 */
export type ToShell =
  | RunRequest
  | { readonly stop: number }
  | { readonly go: string }
  | { readonly release: string }
  | { readonly ack: number };

/** How a run ended. */
export interface RunResult {
  /** Why the run has failed, for a person; left out where the command ended with 0. */
  readonly problem?: string;
  /** The end of its standard error, where it has failed. */
  readonly complaint?: string;
  /** Its standard output, in base64; left out where it is empty, in `file`, or the run has failed. */
  readonly base64?: string;
  /** Its standard output is in the file of the request. */
  readonly inFile?: true;
}

/**
 * The messages from that process. `pid` comes for a command that lasts; `closed` when no process holds the standard error of
 * the command any more.
 */
export type FromShell =
  | ({ readonly end: number; readonly closed?: true } & RunResult)
  | { readonly began: number; readonly pid: number }
  | { readonly stderr: number; readonly base64: string }
  | { readonly end?: undefined; readonly closed: number };
