import { parseTokenName, parseTokenRequest } from "../../core/token.ts";
import { isTerminal, STDOUT } from "../../lib/is-terminal.ts";
import { textIn } from "../../net/text-body.ts";
import { connect } from "../kit/connect.ts";
import { formatOf, LIST_OPTIONS, printList, printText } from "../kit/show.ts";
import { splitTarget } from "../kit/target.ts";
import { flag, parsed, text, type Verb, type VerbInput } from "../kit/verb.ts";

export const tokenAddVerb: Verb = {
  name: "token add",
  summary: "Make a token for xs serve --expose that may do what it names and nothing else",
  positionals: "[ADDR] NAME",
  options: {
    read: text("PATTERN", "it reads these topics; repeatable"),
    append: text("PATTERN", "it appends to these topics; repeatable"),
    keys: text("PREFIX", "it reads and writes the keys that begin with this"),
    cors: text("ORIGIN", "pages of this site may use it, as in https://app.example"),
    days: text("N", "it expires after so many days; default never"),
    all: flag("its patterns include what may start code: stream.cross.* and *.send"),
  },
  examples: [
    ["xs token add phone --append 'inbox.*'", "prints the token, which nothing shows again"],
    ["xs token add page --read 'note.*' --cors https://app.example", "for a page in a browser"],
    ["xs token add sync --keys sync/ --days 30", "a part of the k/v store, for a month"],
  ],
  async run(input) {
    const target = splitTarget(input, 1, "NAME");
    const request = requestIn(input, target.rest[0] ?? "");
    await using client = await connect(target.address, { create: true });
    const init = { method: "POST", body: JSON.stringify(request) };
    const response = await textIn(await client.request("/-/tokens", init));
    const { token } = JSON.parse(response) as { token: string };
    await printText(`${token}\n`);
    if (!isTerminal(STDOUT)) return;
    const { messages } = await import("../kit/messages.ts");
    messages.info("nothing shows this token again; xs takes it from XS_TOKEN");
  },
};

export const tokenListVerb: Verb = {
  name: "token list",
  summary: "List the tokens, without the tokens themselves",
  positionals: "[ADDR]",
  options: LIST_OPTIONS,
  examples: [
    ["xs token list", "a table; in a pipe, JSON lines"],
    ["xs token list | jq -r 'select(.last_use == null).name'", "those that were never used"],
  ],
  async run(input) {
    await using client = await connect(splitTarget(input, 0).address);
    const load = async () => (await import("../terminal/tokens.ts")).TokenTable;
    await printList(formatOf(input.options), await client.request("/-/tokens"), load);
  },
};

export const tokenRmVerb: Verb = {
  name: "token rm",
  summary: "Remove a token; what follows with it ends at once",
  positionals: "[ADDR] NAME",
  options: {},
  examples: [["xs token rm phone", "the next request with it is refused"]],
  async run(input) {
    const target = splitTarget(input, 1, "NAME");
    const name = parsed(parseTokenName, target.rest[0] ?? "");
    await using client = await connect(target.address);
    await client.request(`/-/tokens/${name}`, { method: "DELETE" });
  },
};

/** The body of the request for a token. @throws UsageError */
function requestIn({ options }: VerbInput, name: string): object {
  const days = options.get("days");
  const request = {
    name,
    read: options.get("read")?.split(","),
    append: options.get("append")?.split(","),
    keys: options.get("keys"),
    cors: options.get("cors"),
    ...(days !== undefined && { days: /^[0-9]+$/.test(days) ? Number(days) : days }),
    all: options.has("all"),
  };
  parsed(parseTokenRequest, request);
  return request;
}
