import type { ArgsDef } from "citty";
import { looksLikeAddress } from "../../client/address.ts";
import { parseTopicFilter } from "../../core/pattern.ts";
import { parseCount } from "../../core/read-options.ts";
import { followOut } from "./read.ts";
import { splitTarget, withClient } from "./target.ts";
import { parsed, type Verb } from "./verb.ts";

const TIMESTAMP = {
  "with-timestamp": { type: "boolean", description: "add the time to every frame" },
} as const satisfies ArgsDef;

/** Builds the verb `first` or `last`, which prints one frame, or COUNT frames, of the stream or a topic. */
export function endVerb(end: "first" | "last", extra: ArgsDef, examples: Verb["examples"]): Verb {
  return {
    name: end,
    summary: `Print the ${end} frame, or the ${end} COUNT, of the stream or a topic`,
    positionals: "[ADDR] [TOPIC] [COUNT]",
    options: { ...TIMESTAMP, ...extra },
    examples,
    async run({ positionals, options }) {
      const isCount = (text: string | undefined) => text !== undefined && /^[0-9]+$/.test(text);
      const count = isCount(positionals.at(-1)) ? positionals.at(-1) : undefined;
      const others = count === undefined ? positionals : positionals.slice(0, -1);
      const [only] = others;
      // A single argument is a topic unless it can only be an address.
      const lone = others.length === 1 && only !== undefined;
      const target = splitTarget(others, lone && looksLikeAddress(only) ? 0 : [0, 1]);
      const [topic] = target.rest;
      if (topic !== undefined) parsed(() => parseTopicFilter(topic));
      const query = new URLSearchParams();
      if (count !== undefined) query.set("last", String(parsed(() => parseCount(count, "COUNT"))));
      for (const name of ["with-timestamp", "follow"]) {
        if (options.has(name)) query.set(name, "true");
      }
      const path = `/${end}${topic === undefined ? "" : `/${topic}`}?${query}`;
      const follow = options.has("follow");
      await withClient(target, { serverOnly: follow }, async (client) => {
        await followOut({ follow }, await client.request(path));
      });
    },
  };
}
