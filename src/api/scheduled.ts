import { XsError } from "../core/error.ts";
import { pageOf } from "../core/frame.ts";
import { parseId, timestampOf } from "../core/id.ts";
import { memberText } from "../core/json.ts";
import { isScheduledLine } from "../core/scheduled.ts";
import { formatTime } from "../core/time.ts";
import type { LineReader } from "../store/frame-reader.ts";
import type { ScheduledAppend, Schedules } from "../store/scheduled.ts";
import type { ApiContext, Call } from "./call.ts";
import { linesResponse } from "./line-response.ts";

/** The headers of an answer to appends: how many are scheduled, and where none of them comes before the next start. */
export function scheduledHeaders(
  lines: readonly string[],
  { appendsDue = false }: ApiContext,
): Record<string, string> {
  const count = lines.filter(isScheduledLine).length;
  if (count === 0) return {};
  return { "xs-scheduled": String(count), ...(!appendsDue && { "xs-due": "next-start" }) };
}

export const scheduled = {
  /** Responds with the appends that are scheduled, in the order in which they are due. */
  list(call: Call): Response {
    const { schedules } = call.store;
    return linesResponse(
      call,
      () => new ScheduleReader(schedules),
      (line) => (JSON.parse(line) as { scheduled: string }).scheduled,
    );
  },

  /** Removes an append that is scheduled. @throws XsError `not_found` */
  async remove({ store }: Call, _: object, name: string): Promise<Response> {
    const id = parseId(name);
    if (await store.schedules.remove(id)) return new Response(null, { status: 204 });
    throw new XsError(
      "not_found",
      `no append is scheduled as ${id}: it was appended, or removed; see  xs scheduled`,
    );
  },
};

class ScheduleReader implements LineReader {
  readonly #schedules: Schedules;
  #after: string | undefined;

  constructor(schedules: Schedules) {
    this.#schedules = schedules;
  }

  async next(): Promise<Uint8Array | undefined> {
    const page = await this.#schedules.page(this.#after);
    this.#after = page.at(-1)?.id;
    return page.length > 0 ? pageOf(page.map(lineOf)) : undefined;
  }

  close(): void {}
}

/** The keys of the answer to its append, and what the frame will have. */
function lineOf({ id, line }: ScheduledAppend): string {
  const at = timeIn(id);
  if (line === undefined) return JSON.stringify({ scheduled: id, at, error: "value_damaged" });
  // The meta as text keeps its numbers.
  const [topic, hash, meta, ttl] = ["topic", "hash", "meta", "ttl"].map((key) =>
    memberText(line, key),
  );
  return `{"scheduled":"${id}","at":"${at}","topic":${topic},"hash":${hash},"meta":${meta},"ttl":${ttl}}`;
}

/** When it is due; null where its id is damaged. */
function timeIn(id: string): string | null {
  try {
    return formatTime(timestampOf(parseId(id)));
  } catch {
    return null;
  }
}
