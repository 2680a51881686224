import type { ArgsDef } from "citty";
import { looksLikeAddress } from "../../client/address.ts";
import { parseTopicFilter } from "../../core/pattern.ts";
import { parseCount } from "../../core/read-options.ts";
import { connect } from "../kit/connect.ts";
import { FRAME_OPTIONS, parametersOf } from "../kit/frame-options.ts";
import { followOut } from "../kit/read.ts";
import { formatOf, printFrames } from "../kit/show.ts";
import { splitTarget } from "../kit/target.ts";
import { flag, parsed, type Verb } from "../kit/verb.ts";

export const firstVerb = endVerb("first", {}, [
  ["xs first", "the oldest frame of all"],
  ["xs first note 3", "the oldest three notes"],
]);

export const lastVerb = endVerb(
  "last",
  { follow: flag("then print new frames as they come", "f") },
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
    options: { ...FRAME_OPTIONS, ...extra },
    examples,
    async run({ positionals, options }) {
      const count = /^[0-9]+$/.test(positionals.at(-1) ?? "") ? positionals.at(-1) : undefined;
      const others = count === undefined ? positionals : positionals.slice(0, -1);
      const [only] = others;
      // A single argument is a topic unless it can only be an address.
      const lone = others.length === 1 && only !== undefined;
      const target = splitTarget(others, lone && looksLikeAddress(only) ? 0 : [0, 1]);
      const [topic] = target.rest;
      if (topic !== undefined) parsed(parseTopicFilter, topic);
      const format = formatOf(options);
      const query = new URLSearchParams(parametersOf(options, format));
      if (count !== undefined) query.set("last", String(parsed(parseCount, count, "COUNT")));
      const path = `/${end}${topic === undefined ? "" : `/${topic}`}?${query}`;
      const follow = options.has("follow");
      await using client = await connect(target.address, { serverOnly: follow });
      const print = (response: Response) => printFrames(format, client, response);
      await followOut({ follow }, await client.request(path), print);
    },
  };
}
