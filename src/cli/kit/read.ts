import type { ArgsDef } from "citty";
import {
  formatReadOptions,
  parsePulse,
  parseReadOptions,
  type ReadOptions,
} from "../../core/read-options.ts";
import { connect } from "./connect.ts";
import { FRAME_OPTIONS, parametersOf } from "./frame-options.ts";
import { pipeOut } from "./response-body.ts";
import { type Format, formatOf, printFrames } from "./show.ts";
import { splitTarget } from "./target.ts";
import { flag, parsed, text, type VerbInput } from "./verb.ts";

/** The options that cat and tac share. */
export const BACKWARD_OPTIONS = {
  "last-id": text("ID", "start after this id", ["a", "after"]),
  limit: text("N", "read at most N frames"),
  topic: text(
    "TOPIC",
    "read only this topic: a.b, a.* (all below a.), or several with commas",
    "T",
  ),
  ...FRAME_OPTIONS,
} satisfies ArgsDef;

/** The option for a heartbeat, of every verb that follows. */
export const PULSE_OPTION = {
  pulse: text("MS", "follow, with a heartbeat every MS milliseconds", "p"),
} satisfies ArgsDef;

/** All read options of the command line. */
export const READ_OPTIONS = {
  follow: flag("then print new frames as they come", "f"),
  ...PULSE_OPTION,
  tail: flag("skip the history", ["n", "new"]),
  from: text("ID", "start at this id"),
  last: text("N", "read only the newest N frames, oldest first"),
  order: text("asc|desc|arrival", "by id, up or down, or as the frames came into this store"),
  sse: flag("print server-sent events instead of JSON lines"),
  ...BACKWARD_OPTIONS,
} satisfies ArgsDef;

/** Reads the stream to stdout. @param fixed read options that the verb sets */
export async function read(input: VerbInput, fixed: readonly [string, string][]): Promise<void> {
  const target = splitTarget(input.positionals, 0);
  const format = formatOf(input.options);
  const options = parsed(parseReadOptions, [...readParametersOf(input.options, format), ...fixed]);
  const headers = input.options.has("sse") ? { accept: "text/event-stream" } : {};
  await using client = await connect(target.address, { serverOnly: options.follow });
  const response = await client.request(`/?${formatReadOptions(options)}`, { headers });
  await followOut(options, response, (body) => printFrames(format, client, body));
}

/** Prints the body of a read; one that follows also ends when the reader of stdout is gone. */
export async function followOut(
  { follow }: Pick<ReadOptions, "follow">,
  response: Response,
  print: (response: Response) => Promise<void> = pipeOut,
) {
  if (!follow) return print(response);
  const { watchOutput } = await import("./watch-output.ts");
  watchOutput();
  await print(response);
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
