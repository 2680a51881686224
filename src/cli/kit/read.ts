import type { ArgsDef } from "citty";
import type { Address } from "../../client/address.ts";
import {
  checkCombination,
  formatReadOptions,
  parsePulse,
  parseReadOptions,
  READ_ALL,
} from "../../core/read-options.ts";
import { formatTime, parseTime } from "../../core/time.ts";
import { connect } from "./connect.ts";
import type { Following, Printer } from "./following.ts";
import { ALL_OPTION, FRAME_OPTIONS, parametersOf, usualTopics } from "./frame-options.ts";
import { type Format, formatOf, printFrames } from "./show.ts";
import { splitTarget } from "./target.ts";
import { flag, parsed, text, UsageError, type VerbInput } from "./verb.ts";

const EVENTS = "text/event-stream";

/** The options of every verb that reads by time. */
export const TIME_OPTIONS = {
  since: text("TIME", "only frames from then on: a date, a time, or an age like 15m, 2h, 7d"),
  until: text("TIME", "only frames from before then"),
} satisfies ArgsDef;

/** The options that cat and tac share. */
export const BACKWARD_OPTIONS = {
  "last-id": text("ID", "start after this id", ["a", "after"]),
  ...TIME_OPTIONS,
  limit: text("N", "read at most N frames"),
  topic: text(
    "TOPIC",
    "read only these topics: a.b, a.* (all below a.), *.b; several with commas, !a.b takes away",
    "T",
  ),
  ...ALL_OPTION,
  ...FRAME_OPTIONS,
} satisfies ArgsDef;

/** The option for a heartbeat, of every verb that follows. */
export const PULSE_OPTION = {
  pulse: text("MS", "follow, with a heartbeat every MS milliseconds", "p"),
} satisfies ArgsDef;

/** The option to go on after the end of a server, of every verb that follows. */
export const RECONNECT_OPTION = {
  reconnect: flag("when the server ends, wait until it is back, and go on after the last line"),
} satisfies ArgsDef;

/** All read options of the command line. */
export const READ_OPTIONS = {
  follow: flag("then print new frames as they come", "f"),
  ...PULSE_OPTION,
  ...RECONNECT_OPTION,
  wait: text("MS", "if the history has nothing, wait up to MS milliseconds for the first frame"),
  tail: flag("skip the history", ["n", "new"]),
  from: text("ID", "start at this id"),
  last: text("N", "read only the newest N frames, oldest first"),
  order: text("asc|desc|arrival", "by id, up or down, or as the frames came into this store"),
  sse: flag("print server-sent events instead of JSON lines"),
  ...BACKWARD_OPTIONS,
} satisfies ArgsDef;

/** Reads the stream to stdout. @param fixed read options that the verb sets */
export async function read(input: VerbInput, fixed: readonly [string, string][]): Promise<void> {
  const target = splitTarget(input, 0);
  const format = formatOf(input.options);
  const parameters = [...readParametersOf(input.options, format), ...fixed];
  const topics = input.options.has("topic") ? undefined : usualTopics(input.options, format);
  if (topics !== undefined) parameters.push(["topic", topics]);
  const options = parsed(parseReadOptions, parameters, "local");
  const reconnect = reconnectIn(input.options, options.follow);
  const headers: Record<string, string> = input.options.has("sse") ? { accept: EVENTS } : {};
  const path = `/?${formatReadOptions(options)}`;
  const { address } = target;
  const print = framePrinter(format, address);
  if (options.follow) return await follow({ address, path, headers, reconnect, print });
  const waits = options.wait !== undefined;
  if (waits) (await import("./watch-output.ts")).watchOutput();
  await using client = await connect(
    address,
    waits ? { serverOnly: "waiting" } : { asksNext: true },
  );
  await print(await client.request(path, { headers }), client);
}

/** Adds the times of a command line to a query. @throws UsageError */
export function addTimes(query: URLSearchParams, options: ReadonlyMap<string, string>): void {
  const time = (name: "since" | "until") => {
    const given = options.get(name);
    if (given === undefined) return {};
    const ms = parsed(parseTime, given, name, "local");
    query.set(name, formatTime(ms));
    return { [name]: ms };
  };
  const follow = options.has("follow");
  parsed(checkCombination, { ...READ_ALL, follow, ...time("since"), ...time("until") });
}

/** Makes a function that prints the frames of a response. */
export function framePrinter(format: Format, address: Address): Printer {
  return (response, client) => printFrames(format, client, response, address);
}

/** Runs a read that follows. What only such a read needs is loaded only here. */
export async function follow(following: Following): Promise<void> {
  await (await import("./follow.ts")).follow(following);
}

/** Whether a command line has `--reconnect`. @throws UsageError where nothing follows */
export function reconnectIn(options: ReadonlyMap<string, string>, follows: boolean): boolean {
  const reconnect = options.has("reconnect");
  if (!reconnect || follows) return reconnect;
  throw new UsageError("--reconnect is for a read that follows: add --follow");
}

function readParametersOf(
  options: ReadonlyMap<string, string>,
  format: Format,
): [string, string][] {
  const pulse = pulseOf(options);
  // The format is a header of the request, not a read option.
  const parameters = parametersOf(options, format).filter(([name]) => name !== "sse");
  if (pulse === undefined) return parameters;
  // Over HTTP the heartbeat is the value of follow.
  const others = parameters.filter(([name]) => name !== "pulse" && name !== "follow");
  return [...others, ["follow", pulse]];
}

/** The value of --pulse, in ms; undefined without it. @throws UsageError */
export function pulseOf(options: ReadonlyMap<string, string>): string | undefined {
  const pulse = options.get("pulse");
  return pulse === undefined ? undefined : String(parsed(parsePulse, pulse, "--pulse "));
}
