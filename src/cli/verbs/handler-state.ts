import { quoted, XsError } from "../../core/error.ts";
import { parseId } from "../../core/id.ts";
import { parseAge } from "../../core/time.ts";
import { connect } from "../kit/connect.ts";
import { handlerState } from "../kit/handler-state.ts";
import { printJson } from "../kit/show.ts";
import { splitTarget } from "../kit/target.ts";
import { parsed, text, UsageError, type Verb } from "../kit/verb.ts";

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
    const limit = timeout === undefined ? undefined : parsed(limitOf, timeout);
    await using client = await connect(target.address);
    await printJson(`${await handlerState({ client, name, id, limit })}\n`);
  },
};

/** @throws XsError `bad_option` */
function limitOf(given: string): number {
  const ms = parseAge(given, "timeout");
  if (ms > 0 && ms <= MAX_TIMEOUT_MS) return ms;
  throw new XsError(
    "bad_option",
    `--timeout ${quoted(given)} is not between a millisecond and 24 days`,
  );
}
