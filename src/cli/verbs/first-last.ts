import type { ArgsDef } from "citty";
import { XsError } from "../../core/error.ts";
import { parseTopicFilter } from "../../core/pattern.ts";
import { parseCount } from "../../core/read-options.ts";
import { connect } from "../kit/connect.ts";
import { ALL_OPTION, FRAME_OPTIONS, parametersOf, usualTopics } from "../kit/frame-options.ts";
import {
  addTimes,
  follow,
  framePrinter,
  RECONNECT_OPTION,
  reconnectIn,
  TIME_OPTIONS,
} from "../kit/read.ts";
import { formatOf } from "../kit/show.ts";
import { splitTarget } from "../kit/target.ts";
import { flag, parsed, type Verb } from "../kit/verb.ts";

export const firstVerb = endVerb("first", {}, [
  ["xs first", "the oldest frame of all"],
  ["xs first note 3", "the oldest three notes"],
  ["xs first note --since 2h", "the first note of the last two hours"],
]);

export const lastVerb = endVerb(
  "last",
  { follow: flag("then print new frames as they come", "f"), ...RECONNECT_OPTION },
  [
    ["xs last note", "the newest note"],
    ["xs last note 3 --content", "the newest three, with their content"],
    ["xs last ./store note 3 --follow", "the newest three, then every new one"],
  ],
);

/** Builds a verb that prints one frame, or COUNT frames, of the stream or a topic. */
function endVerb(end: "first" | "last", extra: ArgsDef, examples: Verb["examples"]): Verb {
  return {
    name: end,
    summary: `Print the ${end} frame, or the ${end} COUNT, of the stream or a topic`,
    positionals: "[ADDR] [TOPIC] [COUNT]",
    options: { ...TIME_OPTIONS, ...ALL_OPTION, ...FRAME_OPTIONS, ...extra },
    examples,
    async run(input) {
      const { positionals, options } = input;
      const count = /^[0-9]+$/.test(positionals.at(-1) ?? "") ? positionals.at(-1) : undefined;
      const others = count === undefined ? positionals : positionals.slice(0, -1);
      const target = splitTarget({ ...input, positionals: others }, [0, 1]);
      const [topic] = target.rest;
      if (topic !== undefined) parsed(parseTopicFilter, topic);
      const follows = options.has("follow");
      const reconnect = reconnectIn(options, follows);
      const format = formatOf(options);
      const query = new URLSearchParams(parametersOf(options, format));
      if (count !== undefined) query.set("last", String(parsed(parseCount, count, "COUNT")));
      addTimes(query, options);
      const usual = topic === undefined ? usualTopics(options, format) : undefined;
      const topics = topic ?? usual;
      const path = `/${end}${topics === undefined ? "" : `/${topics}`}?${query}`;
      const { address } = target;
      const print = framePrinter(format, address);
      if (follows) return await follow({ address, path, reconnect, print });
      await using client = await connect(address, { asksNext: true });
      try {
        await print(await client.request(path), client);
      } catch (error) {
        throw (usual && noEvent(error, options)) ?? error;
      }
    },
  };
}

/** The error where there may be no other frames than those of the runtime, which were left out. */
function noEvent(error: unknown, options: ReadonlyMap<string, string>): XsError | undefined {
  if (!(error instanceof XsError) || error.code !== "not_found") return undefined;
  const where = options.has("since") || options.has("until") ? " between these times" : "";
  const problem = `there is no event${where}; --all looks at the frames of the runtime too`;
  return new XsError("not_found", problem, { cause: error });
}
