import { withTimestamp } from "../core/frame.ts";
import { parseTopicFilter } from "../core/pattern.ts";
import { checkCombination, parseCount, READ_ALL } from "../core/read-options.ts";
import { parseSearchQuery } from "../core/search-query.ts";
import { parseTime } from "../core/time.ts";
import { pulled } from "../lib/streams.ts";
import type { SearchHit, SearchRequest } from "../store/search.ts";
import { STREAMED } from "./answer-headers.ts";
import type { Call } from "./call.ts";
import { TIMESTAMP } from "./frame.ts";
import { brokeOff } from "./lasting-answer.ts";
import { text, type Values, value } from "./options.ts";
import type { Room } from "./room.ts";
import { LINES } from "./sse.ts";

const time = (given: string, name: string) => parseTime(given, name, "utc");

/** The options of `GET /-/search`. */
export const SEARCH_OPTIONS = {
  q: text('words, "a phrase", pre*, -not, topic:a.*', "text"),
  topic: value("only these topics", "topics", (given) => ({ list: parseTopicFilter(given) })),
  since: value("only frames of this time or later", "time", time),
  until: value("only frames from before this time", "time", time),
  limit: value("end after this many frames", "count", parseCount),
  "with-timestamp": TIMESTAMP,
};

/**
 * Streams the frames that a query finds, the newest first, each with a snippet. The status tells how the first page went:
 * until it is there, nothing is sent.
 */
export async function search(
  { store, request, ...call }: Call,
  options: Values<typeof SEARCH_OPTIONS>,
): Promise<Response> {
  const left = new AbortController();
  const signal = AbortSignal.any([left.signal, request.signal]);
  const found = store.search.find({ ...requestOf(options), signal });
  const pages = call.access ? within(call.rooms.searchesOfTokens, found) : found;
  const headers = {
    ...STREAMED,
    "content-type": LINES,
    "x-content-type-options": "nosniff",
  };
  if (request.method === "HEAD") return new Response(null, { headers });
  let first: IteratorResult<readonly SearchHit[]> | undefined = await pages.next();
  const next = async () => {
    const page = first ?? (await pages.next());
    first = undefined;
    return page.done ? undefined : Buffer.from(linesOf(page.value, options["with-timestamp"]));
  };
  const close = () => {
    left.abort();
    void pages.return(undefined).catch(() => {});
  };
  return new Response(pulled(next, close, brokeOff({ store, request, ...call })), { headers });
}

/** The same pages, of a search that takes a place in a room from the first one to the last. */
async function* within<Page>(room: Room, pages: AsyncGenerator<Page>): AsyncGenerator<Page> {
  using _ = room.take();
  yield* pages;
}

function requestOf({
  q = "",
  topic,
  since,
  until,
  limit,
}: Values<typeof SEARCH_OPTIONS>): SearchRequest {
  const times = { ...(since !== undefined && { since }), ...(until !== undefined && { until }) };
  checkCombination({ ...READ_ALL, ...times });
  return {
    text: q,
    query: parseSearchQuery(q),
    ...times,
    ...(topic?.list && { topics: topic.list }),
    ...(limit !== undefined && { limit }),
  };
}

function linesOf(hits: readonly SearchHit[], timestamp: boolean): string {
  return hits
    .map(({ line, snippet }) => {
      const frame = timestamp ? withTimestamp(line) : line;
      return `${frame.slice(0, -1)},"snippet":${JSON.stringify(snippet)}}\n`;
    })
    .join("");
}
