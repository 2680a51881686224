import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Frame } from "../../../src/core/frame.ts";
import type { Home } from "../../cli/run-xs.ts";
import { type Answering, askFor } from "../../support/ask.ts";
import { recordOf } from "../../support/processors.ts";
import type { Random } from "../../support/random.ts";
import { parseLines } from "../../support/server.ts";
import { reaches } from "../../support/wait.ts";
import type { Log, Work } from "../work.ts";

const NAME = "on.job";
/** The longest pause of a writer between two events, in ms: each is a process of the shell. */
const PAUSE_MS = 20;

/** A shell command on each event, which `xs on` has set up. */
export class Commands implements Work {
  readonly writers = 2;
  readonly counts = { "commands on an event": 0, "of these run again": 0 };
  readonly #acknowledged: string[] = [];
  /** The world outside: a line for each run. */
  readonly #runs: string;

  constructor(home: Home) {
    this.#runs = join(home.path, "runs");
  }

  async prepare(home: Home, store = home.store): Promise<void> {
    const command = `echo "$XS_ID" >> '${this.#runs}'; printf '%s' "$XS_TEXT"`;
    await home.ok(["on", store, "job", command]);
  }

  async write(server: Answering, random: Random): Promise<void> {
    for (;;) {
      const body = `do "this" \`${random.below(1000)}\``;
      const { text } = await askFor(server, "/stream/job", { method: "POST", body });
      this.#acknowledged.push((JSON.parse(text) as Frame).id);
      await Bun.sleep(random.below(PAUSE_MS));
    }
  }

  async check(server: Answering, log: Log): Promise<void> {
    for (const id of this.#acknowledged) expect([id, log.byId.has(id)]).toEqual([id, true]);
    const before = causesOf(log.below(`${NAME}.out`));
    const { cursor } = await recordOf(server, "handler", NAME);
    const [jobs, outputs] = await Promise.all([
      contentsOf(server, "job"),
      contentsOf(server, `${NAME}.out`),
    ]);
    const ids = jobs.map(({ id }) => id);
    const causes = causesOf(outputs);
    expect(causes).toEqual(ids.slice(0, causes.length));
    expect(outputs.map(({ content }) => content)).toEqual(
      jobs.slice(0, outputs.length).map(({ content }) => content),
    );
    // The cursor is at the end of the output of one moment between the two reads.
    const done = ids.filter((id) => id <= cursor).length;
    expect(done).toBeGreaterThanOrEqual(before.length);
    expect(done).toBeLessThanOrEqual(causes.length);
    expect(log.below(`${NAME}.error`)).toEqual([]);
  }

  async finish(server: Answering): Promise<void> {
    const ids = (await server.frames("/stream/job")).map(({ id }) => id);
    await reaches("the outputs of all commands", ids.length, async () => {
      return (await server.frames(`/stream/${NAME}.out`)).length;
    });
    expect((await recordOf(server, "handler", NAME)).cursor).toBe(ids.at(-1) ?? "");
    const runs = readFileSync(this.#runs, "utf8").trimEnd().split("\n");
    expect([...new Set(runs)].sort()).toEqual(ids);
    this.counts["commands on an event"] = ids.length;
    this.counts["of these run again"] = runs.length - ids.length;
  }
}

async function contentsOf(
  server: Answering,
  topic: string,
): Promise<(Frame & { content?: string })[]> {
  return parseLines((await askFor(server, `/stream/${topic}?content=inline`)).text);
}

function causesOf(outputs: readonly Frame[]): string[] {
  return outputs.map(({ meta }) => (meta as { frame_id: string }).frame_id);
}
