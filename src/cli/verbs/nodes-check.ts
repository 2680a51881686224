import { XsError } from "../../core/error.ts";
import { isTerminal, STDOUT } from "../../lib/is-terminal.ts";
import type { Finding } from "../../store/journal/journal.ts";
import { connect } from "../kit/connect.ts";
import { plural } from "../kit/plural.ts";
import { linesOf } from "../kit/response-lines.ts";
import { LIST_OPTIONS, printJson } from "../kit/show.ts";
import { splitTarget } from "../kit/target.ts";
import { text, UsageError, type Verb, type VerbInput } from "../kit/verb.ts";

/** A finding as a line. `mend` is what to do, where it is not so. */
interface Line {
  readonly ok: boolean;
  readonly what: string;
  readonly mend: string | null;
}

export const nodesCheckVerb: Verb = {
  name: "nodes check",
  summary: "Check what a store on several machines stands on, and say how to mend it",
  positionals: "[ADDR]",
  options: {
    journal: text(
      "URL",
      "check only the journal at this address, as serve takes it; no node needed",
    ),
    ...LIST_OPTIONS,
  },
  examples: [
    ["xs nodes check", "exit 1 if anything has to be mended; in a pipe, JSON lines"],
    ["xs nodes check --journal nats://10.0.0.1,10.0.0.2,10.0.0.3/notes", "before the first node"],
    ["xs nodes check | jq -r 'select(.ok | not).mend'", "what to do"],
  ],
  async run(input) {
    const { options } = input;
    const journal = options.get("journal");
    const lines = journal === undefined ? await ofNodes(input) : await ofJournal(input, journal);
    if (isTerminal(STDOUT) && !options.has("json")) {
      const { showFindings } = await import("../terminal/findings.ts");
      await showFindings(lines);
    } else {
      await printJson(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    }
    const bad = lines.filter(({ ok }) => !ok).length;
    if (bad === 0) return;
    const them = bad === 1 ? "it" : "them";
    throw new XsError(
      "journal_unsafe",
      `${plural(bad, "things")} to mend: each line says how to mend ${them}`,
    );
  },
};

async function ofNodes(input: VerbInput): Promise<Line[]> {
  await using client = await connect(splitTarget(input, 0).address);
  const lines: Line[] = [];
  for await (const line of linesOf(await client.request("/-/check"))) {
    lines.push(JSON.parse(line) as Line);
  }
  return lines;
}

/** @throws UsageError, XsError as `openNats` */
async function ofJournal({ positionals, store }: VerbInput, journal: string): Promise<Line[]> {
  if (positionals.length > 0 || store !== undefined) {
    throw new UsageError("--journal names the journal itself: it goes with no address of a store");
  }
  const { openNats } = await import("../../store/journal/nats/open.ts");
  const cluster = await openNats(journal);
  try {
    return (await cluster.check()).map(lineOf);
  } finally {
    await cluster.close();
  }
}

function lineOf({ ok, what, howToMend }: Finding): Line {
  return { ok, what, mend: howToMend ?? null };
}
