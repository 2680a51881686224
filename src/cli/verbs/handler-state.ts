import { quoted, XsError } from "../../core/error.ts";
import { parseId } from "../../core/id.ts";
import { memberText } from "../../core/json.ts";
import { parseAge } from "../../core/time.ts";
import { textIn } from "../../net/text-body.ts";
import { connect } from "../kit/connect.ts";
import { printJson } from "../kit/show.ts";
import { splitTarget } from "../kit/target.ts";
import { parsed, text, UsageError, type Verb } from "../kit/verb.ts";

const DEFAULT_TIMEOUT_MS = 60_000;
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export const handlerStateVerb: Verb = {
  name: "handler state",
  summary: "Print the state of a handler: now, or before and after a frame",
  positionals: "[ADDR] NAME",
  options: {
    at: text(
      "ID",
      "before and after this frame: runs the script again on history, without effects",
    ),
    timeout: text("TIME", "how long that may take, like 90s or 15m; default 1m"),
  },
  examples: [
    ["xs handler state counter", "as JSON; exit 1 without one"],
    [
      "xs handler state counter --at 03hadtdyn9s2dxl5soli9q9dz",
      '{"before":…,"after":…} and what it wrote for that frame',
    ],
  ],
  async run(input) {
    const { options } = input;
    const target = splitTarget(input, 1, "NAME");
    const [name = ""] = target.rest;
    const at = options.get("at");
    const timeout = options.get("timeout");
    if (timeout !== undefined && at === undefined)
      throw new UsageError("--timeout is for --at, which runs the script again");
    const id = at === undefined ? undefined : parsed(parseId, at);
    const limit = timeout === undefined ? DEFAULT_TIMEOUT_MS : parsed(limitOf, timeout);
    await using client = await connect(target.address);
    const record = await client
      .request(`/kv/${encodeURIComponent(`stream.cross.handler/${name}`)}`)
      .then(textIn, (error) => {
        if (error instanceof XsError && error.code === "not_found") return undefined;
        throw error;
      });
    if (id === undefined) return await printJson(`${stateIn(record, name)}\n`);
    const { stateAt } = await import("../past/state-at.ts");
    await printJson(`${await stateAt({ client, name, id, record, limit })}\n`);
  },
};

function stateIn(record: string | undefined, name: string): string {
  if (record === undefined) {
    throw new XsError(
      "not_found",
      `there is no handler ${quoted(name)} that has run, or it was removed: xs ps --all lists those there are`,
    );
  }
  const state = memberText(record, "state");
  if (state !== undefined) return state;
  throw new XsError(
    "not_found",
    `the handler ${quoted(name)} has no state: its script neither declares initial nor has returned next`,
  );
}

/** @throws XsError `bad_option` */
function limitOf(given: string): number {
  const ms = parseAge(given, "timeout");
  if (ms > 0 && ms <= MAX_TIMEOUT_MS) return ms;
  throw new XsError(
    "bad_option",
    `--timeout ${quoted(given)} is not between a millisecond and 24 days`,
  );
}
