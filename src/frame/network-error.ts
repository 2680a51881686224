/** What errors of the network mean for who has to do something about them. */
const MEANINGS: Readonly<Record<string, string>> = {
  EACCES: "that is not allowed",
  EADDRINUSE: "it is taken already",
  EADDRNOTAVAIL: "this machine has no such address",
  ECONNREFUSED: "nobody listens there",
  ECONNRESET: "the other side hung up",
  ENOENT: "there is no such host or directory",
  ENOTFOUND: "there is no such host",
};

/** Why something on the network failed, in plain words: Bun's own are for its callers. */
export function networkReason(error: unknown): string {
  const { code = "", message } = error as Error & { code?: string };
  return MEANINGS[code] ?? message;
}
