import type { Client } from "../../client/client.ts";
import { quoted, XsError } from "../../core/error.ts";
import type { Frame, InlinedFrame } from "../../core/frame.ts";
import type { Json } from "../../core/json.ts";
import { isTerminal, STDOUT } from "../../lib/is-terminal.ts";
import { type Kind, requestIn } from "../../processors/lifecycle/registry.ts";
import { styleFor, takesColours } from "../kit/colours.ts";
import { connect } from "../kit/connect.ts";
import { logLine } from "../kit/log-lines.ts";
import { writeOut } from "../kit/output.ts";
import { listProcessors, type Named, noSuchProcessor } from "../kit/processors.ts";
import { follow, RECONNECT_OPTION, reconnectIn } from "../kit/read.ts";
import { linesOf } from "../kit/response-lines.ts";
import { printJson } from "../kit/show.ts";
import { checkedName } from "../kit/spawn-options.ts";
import { splitTarget } from "../kit/target.ts";
import { flag, text, UsageError, type Verb } from "../kit/verb.ts";
import { isThreshold } from "../terminal/shown-frame.ts";

const USUAL_LINES = 100;
const EVENTS = [
  "active",
  "invalid",
  "restarting",
  "finished",
  "failed",
  "terminated",
  "replaced",
  "stopped",
];

export const handlerLogsVerb = verb("handler", "counter");
export const generatorLogsVerb = verb("generator", "log");

function verb(kind: Kind, example: string): Verb {
  return {
    name: `${kind} logs`,
    summary: `Show what a ${kind} wrote on stderr, its failures, and what became of it`,
    positionals: "[ADDR] NAME",
    options: {
      follow: flag("then print new lines as they come", "f"),
      ...RECONNECT_OPTION,
      last: text("N", `the newest N lines (default ${USUAL_LINES})`),
      json: flag("print the frames as JSON lines"),
    },
    examples: [
      [`xs ${kind} logs ${example}`, "times are local"],
      [`xs ${kind} logs ${example} -f`, "goes on with new lines"],
      [`xs ${kind} logs ${example} --last 1000 --json`, "the frames, with their content"],
    ],
    async run(input) {
      const { options } = input;
      const target = splitTarget(input, 1, "NAME");
      const named: Named = { kind, name: await checkedName(kind, target.rest[0] ?? "") };
      const last = countIn(options.get("last"));
      const print = (response: Response, client: Client) =>
        new Log(client, named, last, options.has("json")).print(response);
      const follows = options.has("follow");
      const reconnect = reconnectIn(options, follows);
      const query = new URLSearchParams({ topic: topicsOf(named).join(","), content: "inline" });
      if (follows) query.set("follow", "true");
      const path = `/?${query}`;
      const { address } = target;
      if (follows) return await follow({ address, path, reconnect, print });
      await using client = await connect(address);
      await print(await client.request(path), client);
    },
  };
}

/** The topics of a log. The spawns are not among them: their scripts would come along. */
function topicsOf({ kind, name }: Named): string[] {
  const events = EVENTS.map((event) => `stream.cross.${kind}.${event}`);
  return [...events, `${name}.stderr`, ...(kind === "handler" ? [`${name}.error`] : [])];
}

function countIn(given: string | undefined): number {
  if (given === undefined) return USUAL_LINES;
  if (/^[0-9]{1,9}$/.test(given)) return Number(given);
  throw new UsageError(`--last ${quoted(given)} is no whole number`);
}

/** Prints the newest frames of a log and, where it goes on, those that come. */
class Log {
  readonly #client: Client;
  readonly #named: Named;
  readonly #last: number;
  readonly #isJson: boolean;
  readonly #isTerminal = isTerminal(STDOUT);
  readonly #style = styleFor(takesColours(STDOUT));
  /** By the id of a spawn: whether it is one of this processor. A generator and a handler may have one name. */
  readonly #spawns = new Map<string, boolean>();
  #isEmpty = true;

  constructor(client: Client, named: Named, last: number, isJson: boolean) {
    this.#client = client;
    this.#named = named;
    this.#last = last;
    this.#isJson = isJson;
  }

  async print(response: Response): Promise<void> {
    let newest: string[] | undefined = [];
    for await (const line of linesOf(response)) {
      const frame = JSON.parse(line) as InlinedFrame;
      if (isThreshold(frame)) {
        await this.#begin(newest ?? []);
        newest = undefined;
      } else if (await this.#isMine(frame)) {
        this.#isEmpty = false;
        if (!newest) await this.#write([line]);
        else if (newest.push(line) > 2 * this.#last + 1000) newest = this.#cut(newest);
      }
    }
    if (newest) await this.#begin(newest);
  }

  async #begin(lines: readonly string[]): Promise<void> {
    if (this.#isEmpty) {
      const all = await listProcessors(this.#client);
      const { kind, name } = this.#named;
      // One that has just been added may have said nothing yet.
      if (!all.some((row) => row.kind === kind && row.name === name))
        throw await noSuchProcessor(this.#named, all);
    }
    await this.#write(this.#cut(lines));
  }

  #cut(lines: readonly string[]): string[] {
    return this.#last === 0 ? [] : lines.slice(-this.#last);
  }

  async #write(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    if (this.#isJson) return await printJson(`${lines.join("\n")}\n`);
    const shown = lines.map((line) =>
      logLine(JSON.parse(line) as InlinedFrame, this.#style, this.#isTerminal),
    );
    await writeOut(`${shown.join("\n")}\n`);
  }

  async #isMine({ topic, meta }: Frame): Promise<boolean> {
    const { name } = this.#named;
    const member = (key: string) => (Object(meta) as { [key: string]: Json })[key];
    const spawn = member("spawn_id");
    if (topic === `${name}.error`) return typeof member("handler_id") === "string";
    if (typeof spawn !== "string") return false;
    if (topic !== `${name}.stderr`) {
      const isMine = member("topic") === name;
      if (isMine) this.#spawns.set(spawn, true);
      return isMine;
    }
    const known = this.#spawns.get(spawn);
    if (known !== undefined) return known;
    const found = await this.#isSpawnOfMine(spawn);
    this.#spawns.set(spawn, found);
    return found;
  }

  async #isSpawnOfMine(id: string): Promise<boolean> {
    try {
      const frame = (await (await this.#client.request(`/${id}`)).json()) as Frame;
      const request = requestIn(frame);
      return request?.kind === this.#named.kind && request.name === this.#named.name;
    } catch (error) {
      // A spawn that is gone may have been one of this processor.
      if (error instanceof XsError && ["not_found", "bad_id"].includes(error.code)) return true;
      throw error;
    }
  }
}
