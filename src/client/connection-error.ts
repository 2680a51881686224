/** What errors of a connection mean for who has to do something about them. */
const MEANINGS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there",
  ECONNRESET: "the other side hung up",
  ENOTFOUND: "there is no such host",
};

/** Why a connection failed, in plain words: Bun's own are for its callers. */
export function connectionReason(error: unknown): string {
  const { code = "", message } = error as Error & { code?: string };
  return MEANINGS[code] ?? message;
}
