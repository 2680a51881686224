import { parseChunkMode } from "../../core/chunk.ts";
import { parseMeta } from "../../core/frame.ts";
import { parseIdempotencyKey } from "../../core/header.ts";
import { parseId } from "../../core/id.ts";
import { DURATION_FORMS } from "../../core/time.ts";
import { parseClientTopic } from "../../core/topic.ts";
import { parseAppendTtl, TTL_FORMS } from "../../core/ttl.ts";
import { EMPTY_OPTION, readContent } from "../kit/content.ts";
import { readInput, sayThatItWaits } from "../kit/input.ts";
import { printAnswer } from "../kit/response-body.ts";
import { splitTarget } from "../kit/target.ts";
import { flag, LISTS, parsed, text, UsageError, type Verb, type VerbInput } from "../kit/verb.ts";

/** The options that do not go with --batch, and with --chunked. */
const WITHOUT_BATCH = ["empty", "meta", "field", "ttl", "chunked", "expect-last", "in", "at"];
const WITHOUT_CHUNKED = ["empty", "expect-last", "idempotency-key", "in", "at"];

export const appendVerb: Verb = {
  name: "append",
  summary: "Append an event: its content is a word, or what comes on stdin",
  positionals: "[ADDR] TOPIC [CONTENT]",
  options: {
    ...EMPTY_OPTION,
    meta: text("JSON", "the metadata of the event"),
    field: text(
      "KEY=VALUE",
      "a member of the metadata, repeatable; true, false, null and numbers are typed, else text",
      "F",
    ),
    ttl: text("TTL", `how long the store keeps it: ${TTL_FORMS}; default forever`),
    in: text("AGE", `append it later: in ${DURATION_FORMS}; xs scheduled lists what waits`),
    at: text(
      "TIME",
      "append it at this time to come, or with a time that has passed: 2026-12-24T18:00, 2026-12-24",
    ),
    chunked: text(
      "MODE",
      "append each piece as it comes: bytes, lines or sse (server-sent events)",
    ),
    batch: flag(
      "append all or none of the JSON lines {topic, meta?, ttl?, content?, hash?, at?}; without TOPIC",
    ),
    "expect-last": text(
      "ID|none",
      "append only if this is the newest frame of the topic (none: it has no frame)",
    ),
    "idempotency-key": text(
      "KEY",
      "append once: the same key, within 24 hours, returns the first answer again",
    ),
    "with-timestamp": flag("add the time to the printed frame"),
  },
  examples: [
    ["xs append note 'buy milk'", "an event with content"],
    ["xs append ./store photo -F name=cat.jpg -F width=640 < cat.jpg", "content with metadata"],
    ["xs append door --empty -F open=true", "an event with metadata alone"],
    ["date | xs append tick --ttl last:10", "keep only the newest ten of the topic"],
    ["xs append remind 'call Anna' --in 2h", "the event comes in two hours"],
    ["xs append run '5 km' --at '2026-11-25 07:30'", "an event of yesterday"],
    ["tail -f app.log | xs append log --chunked lines", "one frame for each line as it comes"],
    ["xs append --batch < frames.jsonl", "many events in one step"],
  ],
  async run(input) {
    const { options } = input;
    const batch = options.has("batch");
    const chunked = options.has("chunked");
    for (const name of batch ? WITHOUT_BATCH : []) {
      if (options.has(name)) throw new UsageError(`--${name} does not go with --batch`);
    }
    for (const name of chunked ? WITHOUT_CHUNKED : []) {
      if (options.has(name)) throw new UsageError(`--${name} does not go with --chunked`);
    }
    const target = splitTarget(input, batch ? 0 : [1, 2], "TOPIC");
    const [topic = "", word] = target.rest;
    if (chunked && word !== undefined) {
      throw new UsageError("--chunked reads the content from stdin: leave out the word");
    }
    const query = new URLSearchParams();
    const headers = new Headers();
    const given = (name: string, use: (value: string) => void) => {
      const value = options.get(name);
      if (value !== undefined) use(value);
    };
    const isRetry = options.has("idempotency-key");
    given("ttl", (ttl) =>
      query.set("ttl", parsed(parseAppendTtl, topic, ttl, isRetry, "local").text),
    );
    given("chunked", (mode) => query.set("chunked", parsed(parseChunkMode, mode, "--chunked ")));
    given("with-timestamp", (on) => query.set("with-timestamp", on));
    // A header cannot carry every character, base64 can.
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const fields = options.get("field")?.split(LISTS.field ?? "");
    const meta =
      fields === undefined
        ? options.get("meta")
        : (await import("../kit/fields.ts")).metaOfFields(fields, options.get("meta"));
    if (meta !== undefined) headers.set("xs-meta", base64(parsed(parseMeta, meta)));
    given("expect-last", (id) =>
      headers.set("xs-expect-last", id === "none" ? id : parsed(parseId, id)),
    );
    given("idempotency-key", (key) =>
      headers.set("idempotency-key", parsed(parseIdempotencyKey, key, "--idempotency-key")),
    );
    const when =
      options.has("in") || options.has("at")
        ? (await import("../kit/append-time.ts")).appendTime(options, topic, query.get("ttl"))
        : undefined;
    const path = batch ? "/stream" : `/stream/${parsed(parseClientTopic, topic)}`;
    // Read first: with no server the client locks the store for as long as it is open.
    const body = await bodyOf(input, { batch, chunked, topic, word });
    const init = { method: "POST", headers, body };
    // Counted from here: the content may have been long in coming.
    if (when) query.set("at", when());
    let waits = false;
    const through = chunked
      ? (await import("../kit/whole-chunks.ts")).wholeChunks
      : (response: Response) => {
          waits = response.headers.has("xs-due");
          return response;
        };
    await printAnswer(target, `${path}?${query}`, init, { create: true, through });
    if (waits) await (await import("../kit/append-time.ts")).noteThatItWaits(target);
    if (word === undefined) return;
    const { noteBareFolder } = await import("../kit/first-word.ts");
    await noteBareFolder(input);
  },
};

/** What an append is asked for. */
interface Asked {
  readonly batch: boolean;
  readonly chunked: boolean;
  readonly topic: string;
  readonly word: string | undefined;
}

/** The request body: the content, or with --batch or --chunked what comes on stdin. @throws UsageError */
async function bodyOf(input: VerbInput, { batch, chunked, topic, word }: Asked) {
  if (batch) return readInput("JSON lines, one frame each");
  if (!chunked) return readContent(input, word, `content for ${topic}`);
  await sayThatItWaits(`content for ${topic}, piece by piece`);
  return Bun.stdin.stream();
}
