import { checkAddress } from "../../client/connect.ts";
import { parseKeyPrefix } from "../../core/key.ts";
import { parseTopicFilter, splitList } from "../../core/pattern.ts";
import { concernsRuntime } from "../../core/topic.ts";
import { splitTarget } from "../kit/target.ts";
import { flag, parsed, text, UsageError, type Verb, type VerbInput } from "../kit/verb.ts";

export const mcpVerb: Verb = {
  name: "mcp",
  summary: "Let an agent use a store: a Model Context Protocol server on stdin and stdout",
  positionals: "[ADDR]",
  options: {
    topic: text("PATTERN", "its tools see these topics alone, and no key; repeatable", "T"),
    keys: text("PREFIX", "its tools see the keys alone that begin with this"),
    append: text("PATTERN", "it also has the tool append, for these topics; repeatable"),
    put: text("PREFIX", "it also has the tool kv_put, for the keys that begin with this"),
    "allow-spawn": flag("append may also start code: stream.cross.*.spawn and *.send"),
  },
  examples: [
    ["xs mcp ./store", "the command that a client starts; it only reads"],
    ["xs mcp ./store --topic 'note.*' --append note.agent", "sees some topics, appends to one"],
    ["xs mcp :3021", "with XS_TOKEN: what that token allows, of xs serve --expose"],
  ],
  async run(input) {
    const { address } = splitTarget(input, 0);
    const allowed = allowedIn(input);
    // What could never work is said at once, and not by each call.
    checkAddress(address);
    await (await import("../mcp/serve-mcp.ts")).serveMcp(address, allowed);
  },
};

function allowedIn({ options }: VerbInput) {
  const spawn = options.has("allow-spawn");
  const append = patternsIn(options.get("append"), "--append") ?? [];
  for (const pattern of spawn ? [] : splitList(append).taken) {
    if (!concernsRuntime(pattern)) continue;
    throw new UsageError(`--append ${pattern} may start code: add --allow-spawn if it is to`);
  }
  if (spawn && append.length === 0) {
    throw new UsageError(
      "--allow-spawn is for what is appended: say with --append to which topics",
    );
  }
  return {
    topics: patternsIn(options.get("topic"), "--topic"),
    keys: prefixIn(options.get("keys")),
    append,
    put: prefixIn(options.get("put")),
    spawn,
  };
}

/** The patterns of an option; undefined without it. @throws UsageError */
function patternsIn(given: string | undefined, option: string): readonly string[] | undefined {
  if (given === undefined) return undefined;
  if (given === "") throw new UsageError(`${option} needs a pattern: it is empty`);
  parsed(parseTopicFilter, given);
  return given.split(",").map((pattern) => pattern.trim());
}

function prefixIn(given: string | undefined): string | undefined {
  return given === undefined ? undefined : parsed(parseKeyPrefix, given);
}
