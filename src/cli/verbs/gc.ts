import { XsError } from "../../core/error.ts";
import { parseAge } from "../../core/time.ts";
import { connect } from "../kit/connect.ts";
import { megabytes } from "../kit/megabytes.ts";
import { messages } from "../kit/messages.ts";
import { printAnswer } from "../kit/response-body.ts";
import { linesOf } from "../kit/response-lines.ts";
import { printJson } from "../kit/show.ts";
import { splitTarget, type Target } from "../kit/target.ts";
import { flag, parsed, text, type Verb } from "../kit/verb.ts";

/** The first line of the answer to a collection with `compact`, and the last. */
type Line =
  | { database: { free: number; size: number; seconds: number; beside: number } }
  | { given_back: number; size: number };

export const gcVerb: Verb = {
  name: "gc",
  summary: "Free content that no frame refers to any more",
  positionals: "[ADDR]",
  options: {
    "dry-run": flag("print how much it would free, and free nothing"),
    tombstones: text(
      "AGE",
      "forget what was removed longer ago than 90s, 15m, 12h, 7d, 4w: an import may bring it back",
    ),
    erase: flag(
      "on several machines: then see to it that what was removed is in no file of a node or the journal",
    ),
    compact: flag("then give the free space of the database back to the disk, at once"),
  },
  examples: [
    ["xs gc ./store", "prints how many contents and bytes it has freed"],
    ["xs gc --dry-run", "changes nothing"],
    ["xs gc --tombstones 26w", "also forgets which frames were removed half a year ago"],
    ["xs gc --compact", "says what space and time it takes, and makes the database smaller"],
  ],
  async run(input) {
    const { options } = input;
    const target = splitTarget(input, 0);
    const query = new URLSearchParams();
    for (const name of ["dry-run", "erase", "compact"])
      if (options.has(name)) query.set(name, "true");
    const age = options.get("tombstones");
    if (age !== undefined) query.set("tombstones", String(parsed(parseAge, age, "--tombstones")));
    const path = `/gc?${query}`;
    if (options.has("compact")) await compact(target, path, options.has("dry-run"));
    else await printAnswer(target, path, { method: "POST" });
  },
};

async function compact(target: Target, path: string, dryRun: boolean): Promise<void> {
  await using client = await connect(target.address);
  let isOver = false;
  for await (const text of linesOf(await client.request(path, { method: "POST" }))) {
    const line = JSON.parse(text) as Line;
    await printJson(`${text}\n`);
    isOver = dryRun || "given_back" in line;
    if (!("database" in line)) continue;
    const { free, size, seconds, beside } = line.database;
    messages.info(
      `${megabytes(free)} of the ${megabytes(size)} of the database are free: to give them back takes about ${seconds} s, and up to ${megabytes(beside)} beside it`,
    );
  }
  if (isOver) return;
  throw new XsError("no_server", "it broke off before its end: look at the server, and try again");
}
