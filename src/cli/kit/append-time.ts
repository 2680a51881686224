import { checkAt, parseAt } from "../../core/at.ts";
import { quoted } from "../../core/error.ts";
import { DURATION_FORMS, formatTime, parseDuration } from "../../core/time.ts";
import { FOREVER, parseTtl } from "../../core/ttl.ts";
import { serveCommand } from "./processors.ts";
import type { Target } from "./target.ts";
import { parsed, UsageError } from "./verb.ts";

/** The longest duration that still gives a date, in ms. */
const MAX_MS = 2 ** 48;

/**
 * The time that --in or --at of an append name, as a function that returns it as RFC 3339: --in counts from its call.
 *
 * @param ttl as parsed already; null for none
 * @throws UsageError
 */
export function appendTime(
  options: ReadonlyMap<string, string>,
  topic: string,
  ttl: string | null,
): () => string {
  const duration = options.get("in");
  const moment = options.get("at");
  if (duration !== undefined && moment !== undefined) {
    throw new UsageError("--in does not go with --at: give one");
  }
  if (options.has("expect-last")) {
    throw new UsageError(`--expect-last does not go with --${moment === undefined ? "in" : "at"}`);
  }
  const how = ttl === null ? FOREVER : parseTtl(ttl);
  const checked = (ms: number) => {
    parsed(checkAt, topic, how, ms);
    return formatTime(ms);
  };
  if (duration === undefined) {
    const text = checked(parsed(parseAt, moment ?? "", "local"));
    return () => text;
  }
  if (options.has("idempotency-key")) {
    throw new UsageError(
      "--in does not go with --idempotency-key: a retry would name another time, so use --at",
    );
  }
  const ms = parseDuration(duration);
  if (ms === undefined || ms === 0) {
    throw new UsageError(
      `--in ${quoted(duration)} is not a duration to come, like ${DURATION_FORMS}: for a time, use --at`,
    );
  }
  const text = () => {
    const at = Date.now() + Math.min(ms, MAX_MS);
    try {
      parsed(parseAt, formatTime(at), "utc");
      return checked(at);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      // Nobody has written the time that the message names.
      const message = error.message.replace(/^at="[^"]*"/, `--in ${quoted(duration)}`);
      throw new UsageError(message);
    }
  };
  text();
  return text;
}

/** Says that what was scheduled waits for a server. */
export async function noteThatItWaits({ address }: Target): Promise<void> {
  const { messages } = await import("./messages.ts");
  const command = "directory" in address ? `:  ${serveCommand({ address })}` : "";
  messages.info(`it is appended once it is due and a server runs, not paused${command}`);
}
