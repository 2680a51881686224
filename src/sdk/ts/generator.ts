import { bytesOfText } from "../../core/utf8.ts";
import { textLines } from "../../lib/lines.ts";
import type { Ask } from "../../net/http-client.ts";
import { lengthProblem } from "../protocol.ts";
import { DirectXs } from "./eval-xs.ts";
import { jsonOf, whenSettled } from "./json.ts";
import type { ProtocolStreams } from "./standard-streams.ts";

/** Checks the default export of a generator's script. @throws Error if it is no function */
export function generatorOf(script: unknown): XsGenerator {
  if (typeof script === "function") return script as XsGenerator;
  throw new Error("the default export of a generator is a function that yields values");
}

/** Runs a generator to its end, and writes a line of the protocol for each value. */
export async function generate(script: unknown, ask: Ask, streams: ProtocolStreams): Promise<void> {
  const generator = generatorOf(script);
  const output = Bun.file(streams.output).writer();
  for await (const value of generator(new DirectXs(ask), inputLines(streams))) {
    await whenSettled(value, (value) => output.write(`${encodeValue(value)}\n`));
    await output.flush();
  }
}

/** Encodes a value as a line of the protocol. @throws XsError `bad_frame`; Unsettled */
function encodeValue(value: unknown): string {
  if (typeof value === "string") bytesOfText(value, "the value");
  const line =
    value instanceof Uint8Array
      ? `{"recv_base64":"${Buffer.from(value).toString("base64")}"}`
      : `{"recv":${jsonOf(value, "the value")}}`;
  const problem = lengthProblem(line);
  if (problem !== undefined) throw new Error(problem);
  return line;
}

async function* inputLines({ input }: ProtocolStreams): AsyncIterableIterator<string> {
  for await (const lines of textLines(Bun.file(input).stream())) yield* lines;
}
