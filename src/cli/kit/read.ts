import type { ArgsDef } from "citty";
import {
  formatReadOptions,
  parsePulse,
  parseReadOptions,
  type ReadOptions,
} from "../../core/read-options.ts";
import { pipeOut } from "./output.ts";
import { splitTarget, withClient } from "./target.ts";
import { parsed, type VerbInput } from "./verb.ts";

const count = (description: string) => ({ type: "string", valueHint: "N", description }) as const;
const id = (description: string) => ({ type: "string", valueHint: "ID", description }) as const;

/** The options that cat and tac share. */
export const BACKWARD_OPTIONS = {
  "last-id": { ...id("start after this id"), alias: ["a", "after"] },
  limit: count("at most so many frames"),
  topic: {
    type: "string",
    alias: "T",
    valueHint: "TOPIC",
    description: "a.b, a.* (all below a.), or several with commas",
  },
  "with-timestamp": { type: "boolean", description: "add the time to every frame" },
} as const satisfies ArgsDef;

export const PULSE_OPTION = {
  pulse: {
    type: "string",
    alias: "p",
    valueHint: "MS",
    description: "stay for what comes after, with a heartbeat",
  },
} as const satisfies ArgsDef;

/** All read options of the command line. */
export const READ_OPTIONS = {
  follow: { type: "boolean", alias: "f", description: "stay for what comes after" },
  ...PULSE_OPTION,
  tail: { type: "boolean", alias: ["n", "new"], description: "skip history" },
  from: id("start at this id"),
  last: count("the newest so many, oldest first"),
  order: { type: "string", valueHint: "asc|desc", description: "desc: newest first" },
  sse: { type: "boolean", description: "as server-sent events, not as JSON lines" },
  ...BACKWARD_OPTIONS,
} as const satisfies ArgsDef;

/** Those of them that may be given several times. */
export const READ_LISTS: readonly string[] = ["topic"];

/** Reads the stream to stdout. */
export async function read(input: VerbInput, fixed: readonly [string, string][]): Promise<void> {
  const target = splitTarget(input.positionals, 0);
  const options = parsed(() => parseReadOptions([...pairsOf(input.options), ...fixed]));
  const headers = input.options.has("sse") ? { accept: "text/event-stream" } : {};
  await withClient(target, { serverOnly: options.follow }, async (client) => {
    await followOut(options, await client.request(`/?${formatReadOptions(options)}`, { headers }));
  });
}

/** Copies a read to stdout; a following one also ends when nobody reads it any more. */
export async function followOut({ follow }: Pick<ReadOptions, "follow">, response: Response) {
  if (!follow) return pipeOut(response);
  const { watchOutput } = await import("./watch-output.ts");
  watchOutput();
  await pipeOut(response);
}

function pairsOf(options: ReadonlyMap<string, string>): [string, string][] {
  const pulse = pulseOf(options);
  // It says how an answer is written, not what is in it.
  const pairs = [...options].filter(([name]) => name !== "sse");
  if (pulse === undefined) return pairs;
  // Over HTTP the heartbeat is the value of follow.
  const others = pairs.filter(([name]) => name !== "pulse" && name !== "follow");
  return [...others, ["follow", pulse]];
}

/** The heartbeat that is wanted, in ms. */
export function pulseOf(options: ReadonlyMap<string, string>): string | undefined {
  const pulse = options.get("pulse");
  return pulse === undefined ? undefined : String(parsed(() => parsePulse(pulse, "--pulse ")));
}
