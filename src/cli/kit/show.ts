import type { ArgsDef } from "citty";
import type { Address } from "../../client/address.ts";
import type { Client } from "../../client/client.ts";
import { isTerminal, STDOUT } from "../../lib/is-terminal.ts";
import type { Shown } from "../terminal/show.ts";
import type { Style } from "./colours.ts";
import { writeOut } from "./output.ts";
import { pipeOut } from "./response-body.ts";
import type { Target } from "./target.ts";
import { flag, UsageError } from "./verb.ts";

/** The options of every verb that prints frames. */
export const SHOW_OPTIONS = {
  long: flag("print all fields of each event, and its content if it is text"),
  json: flag("print JSON lines, as in a pipe, on a terminal too"),
} satisfies ArgsDef;

/** The option of every verb that prints another list. */
export const LIST_OPTIONS = { json: SHOW_OPTIONS.json } satisfies ArgsDef;

/** How a command prints what it read: as it came, as JSON that is safe on a terminal, or for people. */
export type Format = "raw" | "json" | "lines" | "long";

/** Takes the format of a command line out of its options. @throws UsageError */
export function formatOf(options: ReadonlyMap<string, string>): Format {
  const forms = ["long", "json", "sse"].filter((name) => options.has(name));
  if (forms.length > 1) throw new UsageError(`--${forms[0]} does not go with --${forms[1]}`);
  if (options.has("long")) return "long";
  if (!isTerminal(STDOUT)) return "raw";
  return forms.length > 0 ? "json" : "lines";
}

/** Prints frames of the store at an address in a format. What only a terminal needs is loaded only for one. */
export async function printFrames(
  format: Format,
  client: Client,
  response: Response,
  address: Address,
): Promise<void> {
  if (format === "raw") return pipeOut(response);
  const { showFrames, showJson } = await import("../terminal/show.ts");
  await (format === "json" ? showJson(response) : showFrames(format, client, response, address));
}

/** Prints the lines of a list in a format, with what shows them to people on a terminal. */
export async function printList(
  format: Format,
  response: Response,
  load: () => Promise<new (style: Style) => Shown>,
): Promise<void> {
  if (format === "raw") return pipeOut(response);
  const { showJson, showList } = await import("../terminal/show.ts");
  await (format === "json" ? showJson(response) : showList(response, await load()));
}

/** Prints lines of JSON: safe on a terminal, as they are in a pipe. */
export async function printJson(lines: string): Promise<void> {
  if (!isTerminal(STDOUT)) return writeOut(lines);
  const { visibleJson } = await import("../../core/visible.ts");
  await writeOut(visibleJson(lines));
}

/** Prints lines of text, of which a terminal obeys nothing; as they are in a pipe. */
export async function printText(lines: string): Promise<void> {
  if (!isTerminal(STDOUT)) return writeOut(lines);
  const { visible } = await import("../../core/visible.ts");
  await writeOut(visible(lines, "\n"));
}

/**
 * Prints content byte for byte or, on a terminal, if it is text that the terminal obeys in nothing.
 *
 * @param command prints it, as the message about binary content names it: the verb, and what stands behind the address
 * @throws XsError `bad_request` for binary content on a terminal
 */
export async function printContent(
  response: Response,
  { address }: Pick<Target, "address">,
  command: readonly [verb: string, rest: string],
): Promise<void> {
  if (!isTerminal(STDOUT)) return pipeOut(response);
  const { showContent } = await import("../terminal/show.ts");
  const { addressWord } = await import("./address-word.ts");
  await showContent(response, `xs ${command[0]} ${addressWord(address)}${command[1]}`);
}
