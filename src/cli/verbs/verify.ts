import { XsError } from "../../core/error.ts";
import { visible } from "../../core/visible.ts";
import { STDERR } from "../../lib/is-terminal.ts";
import { takesEscapes } from "../kit/colours.ts";
import { connect } from "../kit/connect.ts";
import { messages } from "../kit/messages.ts";
import { writeOut } from "../kit/output.ts";
import { plural } from "../kit/plural.ts";
import { showProgress } from "../kit/progress-line.ts";
import { linesOf } from "../kit/response-lines.ts";
import { splitTarget, type Target } from "../kit/target.ts";
import { flag, type Verb } from "../kit/verb.ts";

interface Counts {
  frames: number;
  contents: number;
  pairs: number;
}

/** A line of the answer: a problem, the progress so far, or, as the last line, the totals. */
type Line =
  | { problem: string }
  | { checked: Counts }
  | (Counts & { staged: number; problems: number });

export const verifyVerb: Verb = {
  name: "verify",
  summary: "Check everything in the store, and print each problem",
  positionals: "[ADDR]",
  options: {
    nodes: flag("compare the nodes of a store on several machines at one record instead"),
  },
  examples: [
    ["xs verify ./store", "exit 0 if every frame, content and key is as written"],
    ["xs verify --nodes", "exit 0 if all nodes have the same; says which one to build anew"],
  ],
  async run(input) {
    const target = splitTarget(input, 0);
    if (input.options.has("nodes")) return compareNodes(target);
    const onTerminal = takesEscapes(STDERR);
    await using client = await connect(target.address);
    for await (const text of linesOf(await client.request(`/verify?progress=${onTerminal}`))) {
      const line = JSON.parse(text) as Line;
      if ("problem" in line) {
        showProgress("");
        await writeOut(`${visible(String(line.problem), "\n")}\n`);
      } else if ("checked" in line) {
        showProgress(`${counted(line.checked)} …`);
      } else {
        showProgress("");
        return conclude(line);
      }
    }
    throw new XsError("no_server", "the check broke off before its end: try again");
  },
};

/** A line of a comparison: a node, or, as the last line, the totals. */
type NodeLine =
  | { node: string; record: number | null; problem: string | null }
  | { record: number | null; nodes: number; problems: number };

async function compareNodes({ address }: Target): Promise<void> {
  await using client = await connect(address);
  let compared = 0;
  for await (const text of linesOf(await client.request("/verify?nodes=true"))) {
    const line = JSON.parse(text) as NodeLine;
    if ("node" in line) {
      if (line.record !== null) compared++;
      if (line.problem !== null)
        await writeOut(`${visible(`${line.node}: ${line.problem}`, "\n")}\n`);
      continue;
    }
    const { record, nodes, problems } = line;
    const said = compared === nodes ? "" : `${compared} of `;
    const where = record === null ? "" : ` at record ${record}`;
    messages.info(`${said}${plural(nodes, "nodes")} compared${where}`);
    if (problems === 0) return;
    throw new XsError("store_damaged", `${plural(problems, "nodes")} named above: see what to do`);
  }
  throw new XsError("no_server", "the comparison broke off before its end: try again");
}

function conclude(counts: Counts & { staged: number; problems: number }): void {
  const { staged, problems } = counts;
  const rest = staged > 0 ? `; ${plural(staged, "contents")} still staged` : "";
  messages.info(`${counted(counts)}${rest}`);
  if (problems === 0) return;
  throw new XsError("store_damaged", `the store has ${plural(problems, "problems")}, named above`);
}

function counted({ frames, contents, pairs }: Counts): string {
  return `${plural(frames, "frames")}, ${plural(contents, "contents")}, ${plural(pairs, "pairs")}`;
}
