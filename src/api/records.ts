import { quoted, XsError } from "../core/error.ts";
import { REACH_MS, type Records } from "../store/records.ts";

/** The header of a request that waits for a record, and that of a response which names one. */
export const REACHED_HEADER = "xs-reached";
export const RECORD_HEADER = "xs-record";

/**
 * Waits until this node has the record that a request names.
 *
 * @throws XsError `not_reached`; `bad_header` for what is no record, and where the store has none: an answer without the
 *   client's own write would be wrong in silence
 */
export async function whenReached(records: Records | undefined, text: string): Promise<void> {
  if (!/^[0-9]{1,15}$/.test(text)) {
    throw new XsError(
      "bad_header",
      `xs-reached ${quoted(text)} is no record: it is the number that a response has as xs-record`,
    );
  }
  if (!records) {
    throw new XsError(
      "bad_header",
      "xs-reached names a record of a journal, and this store is on one machine and has none: send the request to a node of the store that named the record, or leave the header out",
    );
  }
  await records.reached(Number(text), REACH_MS);
}

/** Adds the record that a response includes; none on one machine. */
export function recorded(response: Response, record: number | undefined): Response {
  if (record !== undefined) response.headers.set(RECORD_HEADER, String(record));
  return response;
}
