import type { Address } from "../../client/address.ts";
import { parseTopicFilter } from "../../core/pattern.ts";
import { parseCount } from "../../core/read-options.ts";
import { parseSearchQuery } from "../../core/search-query.ts";
import { askSearch, inTurns } from "../kit/ask-search.ts";
import { connect } from "../kit/connect.ts";
import { showProgress } from "../kit/progress-line.ts";
import { addTimes, TIME_OPTIONS } from "../kit/read.ts";
import { type Format, formatOf, LIST_OPTIONS, printList } from "../kit/show.ts";
import { storeAddress } from "../kit/target.ts";
import { flag, parsed, STORE_OPTION, text, UsageError, type Verb } from "../kit/verb.ts";

/** So many hits a person sees who asked for no other number. */
const SHOWN_HITS = 100;
/** The wait before the next question how far the index is, in ms: the server waits as well. */
const ASK_AGAIN_MS = 50;

export const searchVerb: Verb = {
  name: "search",
  summary: "Find events by their words, newest first",
  positionals: "WORDS…",
  takesMinus: true,
  options: {
    topic: text("TOPIC", "search only this topic: a.b, a.* (all below a.), or several", "T"),
    ...TIME_OPTIONS,
    limit: text("N", `find at most N events; on a terminal ${SHOWN_HITS} without it`),
    "with-timestamp": flag("add the time of each frame"),
    ...LIST_OPTIONS,
    ...STORE_OPTION,
  },
  examples: [
    ["xs search buy milk", "the events with both words, in content, meta or topic"],
    [`xs search '"buy milk"'`, "with these words one after another"],
    ["xs search 'err*' -debug", "a word that begins with err, and not the word debug"],
    ["xs search timeout 'topic:app.*' --since 2d", "below one topic, of the last two days"],
    ["xs search -s ./store --limit 20 -- milk", "in that store; after -- there are only words"],
  ],
  async run({ positionals, options, store }) {
    const words = positionals.join(" ");
    if (words.trim() === "") throw new UsageError("WORDS are missing: name what to find");
    parsed(parseSearchQuery, words);
    const format = formatOf(options);
    const query = new URLSearchParams({ q: words });
    const topic = options.get("topic");
    if (topic !== undefined) {
      parsed(parseTopicFilter, topic);
      query.set("topic", topic);
    }
    addTimes(query, options);
    const given = options.get("limit");
    const limit = given === undefined ? undefined : parsed(parseCount, given, "limit");
    const most = limit ?? (format === "lines" ? SHOWN_HITS : undefined);
    if (most !== undefined) query.set("limit", String(most));
    if (options.has("with-timestamp")) query.set("with-timestamp", "true");
    const address = storeAddress(store);
    const path = `/-/search?${query}`;
    try {
      await inTurns(() => searched(address, path, format, limit === undefined));
    } finally {
      showProgress("");
    }
  },
};

/** Prints what is found; undefined where it is the turn of others. */
async function searched(
  address: Address,
  path: string,
  format: Format,
  isCut: boolean,
): Promise<true | undefined> {
  await using client = await connect(address, { asksNext: true });
  const response = await askSearch(client, path, async ({ members }) => {
    showProgress(`search: ${members.percent ?? 0} % indexed …`);
    await Bun.sleep(ASK_AGAIN_MS);
  });
  if (!response) return undefined;
  showProgress("");
  await print(response, format, isCut);
  return true;
}

async function print(response: Response, format: Format, isCut: boolean): Promise<void> {
  let shown = 0;
  await printList(format, response, async () => {
    const { FoundLines } = await import("../terminal/found-lines.ts");
    return class extends FoundLines {
      override async *show(lines: readonly string[], columns: number): AsyncGenerator<string> {
        shown += lines.length;
        yield* super.show(lines, columns);
      }
    };
  });
  if (format !== "lines") return;
  const { messages } = await import("../kit/messages.ts");
  if (shown === 0) messages.info("nothing found");
  if (isCut && shown === SHOWN_HITS) {
    messages.info(`these are the newest ${SHOWN_HITS}: --limit N shows more`);
  }
}
