import type { ArgsDef } from "citty";
import {
  formatReadOptions,
  parsePulse,
  parseReadOptions,
  type ReadOptions,
} from "../../core/read-options.ts";
import { pipeOut } from "./response-body.ts";
import { splitTarget, withClient } from "./target.ts";
import { parsed, type VerbInput } from "./verb.ts";

const count = (description: string) => ({ type: "string", valueHint: "N", description }) as const;
const id = (description: string) => ({ type: "string", valueHint: "ID", description }) as const;

/** The options that cat and tac share. */
export const BACKWARD_OPTIONS = {
  "last-id": { ...id("start after this id"), alias: ["a", "after"] },
  limit: count("read at most N frames"),
  topic: {
    type: "string",
    alias: "T",
    valueHint: "TOPIC",
    description: "read only this topic: a.b, a.* (all below a.), or several with commas",
  },
  "with-timestamp": { type: "boolean", description: "add the time to every frame" },
} as const satisfies ArgsDef;

/** The option for a heartbeat, of every verb that follows. */
export const PULSE_OPTION = {
  pulse: {
    type: "string",
    alias: "p",
    valueHint: "MS",
    description: "follow, with a heartbeat every MS milliseconds",
  },
} as const satisfies ArgsDef;

/** All read options of the command line. */
export const READ_OPTIONS = {
  follow: { type: "boolean", alias: "f", description: "then print new frames as they come" },
  ...PULSE_OPTION,
  tail: { type: "boolean", alias: ["n", "new"], description: "skip the history" },
  from: id("start at this id"),
  last: count("read only the newest N frames, oldest first"),
  order: { type: "string", valueHint: "asc|desc", description: "desc: newest first" },
  sse: { type: "boolean", description: "print server-sent events instead of JSON lines" },
  ...BACKWARD_OPTIONS,
} as const satisfies ArgsDef;

/** The read options that a command line may repeat. */
export const READ_LISTS: readonly string[] = ["topic"];

/** Reads the stream to stdout. @param fixed read options that the verb sets */
export async function read(input: VerbInput, fixed: readonly [string, string][]): Promise<void> {
  const target = splitTarget(input.positionals, 0);
  const options = parsed(() => parseReadOptions([...parametersOf(input.options), ...fixed]));
  const headers = input.options.has("sse") ? { accept: "text/event-stream" } : {};
  await withClient(target, { serverOnly: options.follow }, async (client) => {
    await followOut(options, await client.request(`/?${formatReadOptions(options)}`, { headers }));
  });
}

/** Copies the body of a read to stdout; one that follows also ends when the reader of stdout is gone. */
export async function followOut({ follow }: Pick<ReadOptions, "follow">, response: Response) {
  if (!follow) return pipeOut(response);
  const { watchOutput } = await import("./watch-output.ts");
  watchOutput();
  await pipeOut(response);
}

function parametersOf(options: ReadonlyMap<string, string>): [string, string][] {
  const pulse = pulseOf(options);
  // The format is a header of the request, not a read option.
  const parameters = [...options].filter(([name]) => name !== "sse");
  if (pulse === undefined) return parameters;
  // Over HTTP the heartbeat is the value of follow.
  const others = parameters.filter(([name]) => name !== "pulse" && name !== "follow");
  return [...others, ["follow", pulse]];
}

/** The value of --pulse, in ms; undefined without it. @throws UsageError */
export function pulseOf(options: ReadonlyMap<string, string>): string | undefined {
  const pulse = options.get("pulse");
  return pulse === undefined ? undefined : String(parsed(() => parsePulse(pulse, "--pulse ")));
}
