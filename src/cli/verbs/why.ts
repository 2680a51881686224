import type { Address } from "../../client/address.ts";
import type { Client } from "../../client/client.ts";
import { parseId } from "../../core/id.ts";
import { parseCount } from "../../core/read-options.ts";
import { textLines } from "../../lib/lines.ts";
import { chunksIn } from "../../net/text-body.ts";
import { connect } from "../kit/connect.ts";
import { FRAME_OPTIONS, parametersOf } from "../kit/frame-options.ts";
import { linesOf } from "../kit/response-lines.ts";
import { formatOf, printJson } from "../kit/show.ts";
import { splitTarget } from "../kit/target.ts";
import { parsed, text, type Verb } from "../kit/verb.ts";
import { waited } from "../kit/waited.ts";

/** So many causes, and so many effects, a terminal shows unless asked for more. */
const SHOWN = 100;

const { long: _, ...OPTIONS } = FRAME_OPTIONS;

export const whyVerb: Verb = {
  name: "why",
  summary: "Show what an event came of, and what came of it",
  positionals: "[ADDR] ID",
  options: {
    limit: text("N", `at most N causes and N effects (on a terminal ${SHOWN}, in a pipe all)`),
    ...OPTIONS,
  },
  examples: [
    ["xs why 03hadtdyn9s2dxl5soli9q9dz", "a tree: causes above, the event, effects below"],
    ["xs why 03hadtdyn9s2dxl5soli9q9dz | jq .relation", "JSON lines: self, causes, effects"],
  ],
  async run(input) {
    const { options } = input;
    const target = splitTarget(input, 1, "ID");
    const id = parsed(parseId, target.rest[0] ?? "");
    const given = options.get("limit");
    const limit = given === undefined ? undefined : parsed(parseCount, given, "--limit");
    const format = formatOf(options);
    const parameters = parametersOf(options, format).filter(([name]) => name !== "limit");
    await using client = await connect(target.address, { asksNext: true });
    const asked = { client, id, parameters };
    if (format === "lines") await showTree(asked, limit ?? SHOWN, target.address);
    else await printLines(asked, limit);
  },
};

interface Asked {
  readonly client: Client;
  readonly id: string;
  readonly parameters: [string, string][];
}

/** Requests the frames that an event came of, or that came of it. */
async function ask(
  { client, id, parameters }: Asked,
  direction: "causes" | "effects",
  limit: number | undefined,
): Promise<Response> {
  const query = new URLSearchParams([...parameters, ["with-depth", "true"]]);
  if (limit !== undefined) query.set("limit", String(limit));
  const response = client.request(`/${id}/${direction}?${query}`);
  return direction === "causes"
    ? response
    : waited(response, "the store notes which events name which");
}

async function self({ client, id, parameters }: Asked): Promise<string> {
  const response = await client.request(`/${id}?${new URLSearchParams(parameters)}`);
  return (await response.text()).trimEnd();
}

/** Prints JSON lines: the event, its causes and its effects, each with its distance and its relation. */
async function printLines(asked: Asked, limit: number | undefined): Promise<void> {
  await printJson(`${related(related(await self(asked), "depth", 0), "relation", "self")}\n`);
  for (const direction of ["causes", "effects"] as const) {
    const relation = direction === "causes" ? "cause" : "effect";
    const response = await ask(asked, direction, limit);
    for await (const lines of textLines(chunksIn(response))) {
      await printJson(lines.map((line) => `${related(line, "relation", relation)}\n`).join(""));
    }
  }
}

function related(line: string, name: string, value: string | number): string {
  return `${line.slice(0, -1)},"${name}":${JSON.stringify(value)}}`;
}

async function showTree(asked: Asked, limit: number, address: Address): Promise<void> {
  const line = await self(asked);
  // One more tells whether there are more.
  const causes = await Array.fromAsync(linesOf(await ask(asked, "causes", limit + 1)));
  const effects = await Array.fromAsync(linesOf(await ask(asked, "effects", limit + 1)));
  const { showWhy } = await import("../terminal/why.ts");
  await showWhy(asked.client, { self: line, causes, effects, limit }, address);
}
