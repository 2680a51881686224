import type { ConnectOptions } from "../../client/connect.ts";
import { isTerminal, STDOUT } from "../../lib/is-terminal.ts";
import { chunksIn } from "../../net/text-body.ts";
import { connect } from "./connect.ts";
import { writeOut } from "./output.ts";
import type { Target } from "./target.ts";

/**
 * Sends one request, and prints the JSON of the response.
 *
 * @param options.through what the response passes through, such as a check
 * @throws as `connect` and {@link pipeOut} do
 */
export async function printAnswer(
  target: Target,
  path: string,
  init?: RequestInit,
  { through, ...options }: ConnectOptions & { through?: (response: Response) => Response } = {},
): Promise<void> {
  await using client = await connect(target.address, { asksNext: true, ...options });
  const answer = await client.request(path, init);
  const response = through?.(answer) ?? answer;
  if (!isTerminal(STDOUT)) return await pipeOut(response);
  await (await import("../terminal/show.ts")).showJson(response);
}

/** Copies the body of a response to stdout. @throws XsError `no_server` where the body breaks off */
export async function pipeOut(response: Response): Promise<void> {
  for await (const chunk of chunksIn(response)) await writeOut(chunk);
}
