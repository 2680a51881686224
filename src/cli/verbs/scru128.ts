import { IdSequence, packId, unpackId } from "../../core/id.ts";
import { readAll } from "../kit/input.ts";
import { writeOut } from "../kit/output.ts";
import { parsed, UsageError, type Verb } from "../kit/verb.ts";

export const scru128Verb: Verb = {
  name: "scru128",
  summary: "Make an id, take one apart, or put one together",
  positionals: "[unpack ID | pack]",
  options: {},
  examples: [
    ["xs scru128", "a new id"],
    ["xs scru128 unpack 03hadtdyn9s2dxl5soli9q9dz", "its time, counters and node"],
    ["xs scru128 unpack $(xs scru128) | xs scru128 pack", "and back again"],
  ],
  async run({ positionals }) {
    const [action, id, ...more] = positionals;
    if (action === undefined) return writeOut(`${new IdSequence().next()}\n`);
    if (more.length === 0 && action === "unpack") {
      const text = id ?? (await readAll("an id")).trim();
      return writeOut(`${JSON.stringify(parsed(unpackId, text))}\n`);
    }
    if (id === undefined && action === "pack") {
      const text = await readAll("the parts of an id");
      return writeOut(`${parsed(packId, fieldsOf(text))}\n`);
    }
    throw new UsageError("scru128 takes no argument, unpack ID or pack");
  },
};

function fieldsOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError("pack takes the JSON that unpack prints, on stdin");
  }
}
