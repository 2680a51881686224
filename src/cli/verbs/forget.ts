import type { Client } from "../../client/client.ts";
import { XsError } from "../../core/error.ts";
import { parseTakenTopics } from "../../core/taken-topics.ts";
import { formatTime, parseTime } from "../../core/time.ts";
import { isTerminal, STDERR, STDIN, STDOUT } from "../../lib/is-terminal.ts";
import type { Forgotten } from "../../store/removal.ts";
import { connect } from "../kit/connect.ts";
import { messages } from "../kit/messages.ts";
import { plural } from "../kit/plural.ts";
import { showProgress } from "../kit/progress-line.ts";
import { linesOf } from "../kit/response-lines.ts";
import { printJson } from "../kit/show.ts";
import { splitTarget } from "../kit/target.ts";
import { flag, parsed, text, UsageError, type Verb } from "../kit/verb.ts";
import { sizeText } from "../terminal/size.ts";

/** A line of the answer: the number so far or, as the last line, the counts. */
type Line = { counted: number } | { removed: number } | Forgotten;

export const forgetVerb: Verb = {
  name: "forget",
  summary: "Remove the events of topics for good, all or the old ones",
  positionals: "[ADDR] PATTERN",
  options: {
    until: text("TIME", "only events from before a date, a time, or 90s, 15m, 2h, 7d, 4w ago"),
    "dry-run": flag("only say how many events and how much content that is"),
    yes: flag("do not ask; needed where nobody can answer", "y"),
  },
  examples: [
    ["xs forget 'draft.*' --dry-run", "says how many events that would remove"],
    ["xs forget 'sensor.*' --until 30d", "asks, and removes what is older than 30 days"],
    ["xs forget clipboard --yes", "removes all events of the topic"],
  ],
  async run(input) {
    const { options } = input;
    const target = splitTarget(input, 1, "PATTERN");
    const [pattern = ""] = target.rest;
    parsed(parseTakenTopics, pattern);
    const until = options.get("until");
    const query =
      until === undefined
        ? ""
        : `until=${formatTime(parsed(parseTime, until, "--until", "local"))}`;
    const path = `/stream/${encodeURIComponent(pattern)}?${query}`;
    const mayAsk = isTerminal(STDIN) && isTerminal(STDERR);
    const isDry = options.has("dry-run");
    if (!isDry && !options.has("yes") && !mayAsk) {
      throw new UsageError(
        "nobody can be asked here: look with --dry-run at what would go, then add --yes",
      );
    }
    await using client = await connect(target.address);
    if (isDry) {
      const counts = await forget(client, `${path}&dry-run`);
      if (!isTerminal(STDOUT)) await printJson(`${JSON.stringify(counts)}\n`);
      return tell(`would remove ${described(counts)}`, counts);
    }
    let of: number | undefined;
    if (!options.has("yes")) {
      const counts = await forget(client, `${path}&dry-run`);
      if (counts.frames === 0) return tell("there is nothing to remove", counts);
      const { confirm } = await import("../terminal/confirm.ts");
      if (!(await confirm(`remove ${described(counts)} for good?`))) {
        return messages.info("nothing was removed");
      }
      of = counts.frames;
    }
    const counts = await forget(client, path, of);
    if (!isTerminal(STDOUT)) await printJson(`${JSON.stringify(counts)}\n`);
    tell(`removed ${plural(counts.frames, "events")}`, counts);
  },
};

/** Asks for it, and shows the progress on a terminal. @param of how many there are, as far as is known */
async function forget(client: Client, path: string, of?: number): Promise<Forgotten> {
  for await (const text of linesOf(await client.request(path, { method: "DELETE" }))) {
    const line = JSON.parse(text) as Line;
    if ("counted" in line) showProgress(`counted ${plural(line.counted, "events")} …`);
    else if ("removed" in line) {
      const all = of === undefined ? "" : ` of ${of.toLocaleString("en")}`;
      showProgress(`removed ${plural(line.removed, "events")}${all} …`);
    } else {
      showProgress("");
      return line;
    }
  }
  showProgress("");
  throw new XsError("no_server", "it broke off before its end: run the command again for the rest");
}

function described({ frames, contents = 0, bytes = 0 }: Forgotten): string {
  const content =
    contents > 0 ? `, with ${plural(contents, "contents")} of ${sizeText(bytes)}` : "";
  return `${plural(frames, "events")}${content}`;
}

/** Says it on stderr; for a program, stdout has the counts. */
function tell(text: string, { kept, damaged }: Forgotten): void {
  if (isTerminal(STDERR) || isTerminal(STDOUT)) messages.info(text);
  if (kept > 0) {
    messages.warn(
      `${plural(kept, "events")} of these topics ${kept === 1 ? "stays" : "stay"}: chunks of content that still grows, or what generators and handlers need`,
    );
  }
  if (damaged > 0) {
    messages.warn(
      `${plural(damaged, "events")} of these topics ${damaged === 1 ? "stays, as it is" : "stay, as they are"} damaged: xs verify names them, and  xs remove ID  removes one`,
    );
  }
}
