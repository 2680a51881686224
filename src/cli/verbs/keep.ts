import { type Kept, keepKey, keepRule, parseKept } from "../../core/keep-rule.ts";
import { formatDuration } from "../../core/time.ts";
import { isTerminal, STDOUT } from "../../lib/is-terminal.ts";
import { textIn } from "../../net/text-body.ts";
import { connect } from "../kit/connect.ts";
import { messages } from "../kit/messages.ts";
import { formatOf, LIST_OPTIONS, printJson, printList } from "../kit/show.ts";
import { splitTarget, type Target } from "../kit/target.ts";
import { flag, parsed, UsageError, type Verb } from "../kit/verb.ts";

export const keepVerb: Verb = {
  name: "keep",
  summary: "Keep only the newest events of topics, or list such rules",
  positionals: "[ADDR] [PATTERN AGE|N]",
  options: { off: flag("end the rule of a pattern"), ...LIST_OPTIONS },
  examples: [
    ["xs keep 'sensor.*' 30d", "events of sensor.* that are older go, now and from now on"],
    ["xs keep 'sensor.*' 1000", "each topic below sensor. keeps its 1000 newest"],
    ["xs keep", "a table of the rules; in a pipe, JSON lines"],
    ["xs keep 'sensor.*' --off", "ends that rule"],
  ],
  async run(input) {
    const { options } = input;
    const target = splitTarget(input, [0, 2]);
    const [pattern, kept] = target.rest;
    const isOff = options.has("off");
    if (pattern === undefined) {
      if (isOff) throw new UsageError("PATTERN is missing: --off ends the rule of a pattern");
      await using client = await connect(target.address, { asksNext: true });
      const load = async () => (await import("../terminal/rules.ts")).RuleTable;
      return printList(formatOf(options), await client.request("/-/keep"), load);
    }
    parsed(keepKey, pattern);
    if (isOff && kept !== undefined)
      throw new UsageError(`--off takes no ${kept}: it ends the rule`);
    if (isOff) return end(target, pattern);
    if (kept === undefined) {
      throw new UsageError(
        `what to keep of ${pattern} is missing: an age, like 30d, or a number of events`,
      );
    }
    await set(target, pattern, parsed(parseKept, kept), options.has("json"));
  },
};

async function set(target: Target, pattern: string, kept: Kept, json: boolean): Promise<void> {
  // The pattern may have been written in another way than the rule has it.
  const { pattern: name } = keepRule(pattern, kept);
  const query = "age" in kept ? `age=${formatDuration(kept.age)}` : `count=${kept.count}`;
  await using client = await connect(target.address, { asksNext: true, create: true });
  const response = await client.request(pathOf(pattern, query), { method: "PUT" });
  const line = await textIn(response);
  if (json || !isTerminal(STDOUT)) await printJson(line);
  const { applied } = JSON.parse(line) as { applied: boolean };
  if (!applied) {
    messages.info("the rule is set; the next  xs serve  applies it");
  } else if (isTerminal(STDOUT)) {
    messages.info(`${name}: what is beyond the rule goes within moments, and from now on`);
  }
}

async function end(target: Target, pattern: string): Promise<void> {
  await using client = await connect(target.address, { asksNext: true });
  await client.request(pathOf(pattern), { method: "DELETE" });
}

function pathOf(pattern: string, query = ""): string {
  return `/-/keep/${encodeURIComponent(pattern)}?${query}`;
}
