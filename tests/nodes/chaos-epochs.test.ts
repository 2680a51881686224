// A node leads, is frozen in the midst of a step of a handler, and leads again: A → B → A.
import { expect, setDefaultTimeout } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NatsServers } from "../support/nats.ts";
import { natsTest } from "../support/nats-test.ts";
import { spawn } from "../support/processors.ts";
import { report, setting } from "../support/random.ts";
import { RealNodes } from "../support/real-nodes.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

const ROUNDS = setting("XS_CHAOS_EPOCHS", 1);

setDefaultTimeout(TEST_MS * (1 + ROUNDS));

/** A line for each step that was begun, by the process that did it; each waits for a file. */
class Steps {
  readonly #home: string;

  constructor(home: string) {
    this.#home = home;
  }

  get ts(): string {
    return `
      import { appendFileSync, existsSync } from "node:fs";
      const home = ${JSON.stringify(this.#home)};
      export default {
        topics: ["in"], initial: 0,
        async run({ id, meta }, count, xs) {
          appendFileSync(home + "/ts", meta.round + "\\n");
          while (!existsSync(home + "/go-" + meta.round)) await new Promise((done) => setTimeout(done, 20));
          xs.append("made");
          await xs.kv.put("view", count + 1);
          return { out: { count }, next: count + 1 };
        },
      }`;
  }

  get sh(): string {
    return `round=$(printf '%s' "$XS_META" | tr -dc 0-9); echo "$round" >> '${this.#home}/sh'; while [ ! -e "${this.#home}/go-$round" ]; do sleep 0.05; done; echo "done $XS_ID"`;
  }

  /** How many processes have begun the step of a round. */
  begun(kind: "ts" | "sh", round: number): number {
    const path = join(this.#home, kind);
    if (!existsSync(path)) return 0;
    return readFileSync(path, "utf8")
      .split("\n")
      .filter((line) => line === String(round)).length;
  }

  /** Lets all of them end. */
  go(round: number): void {
    writeFileSync(join(this.#home, `go-${round}`), "");
  }
}

natsTest(
  "what a handler began before it was frozen over two changes of leader writes nothing",
  async () => {
    using home = tempDirectory();
    await using nats = await NatsServers.start(1);
    await using nodes = await RealNodes.start({ journal: () => nats.url("notes"), count: 2 });
    const steps = new Steps(home.path);
    await spawn(nodes.server(0), "handler", "ts", steps.ts);
    await spawn(nodes.server(0), "handler", "sh", steps.sh, { runtime: "sh", topics: ["in"] });
    const begun = { ts: 0, sh: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      const a = await nodes.leader();
      const b = 1 - a;
      const first = nodes.newest?.leader?.epoch ?? 0;
      await nodes.server(a).append("in", "", { "xs-meta": JSON.stringify({ round }) });
      const both = (times: number): Promise<unknown> =>
        until(`both steps are begun ${times} times`, () =>
          (["ts", "sh"] as const).every((kind) => steps.begun(kind, round) >= times),
        );
      await both(1);
      nodes.freeze(a);
      expect(await nodes.leader(first)).toBe(b);
      await both(2);
      // It leads again before it has run at all.
      nodes.freeze(b);
      nodes.thaw(a);
      expect(await nodes.leader(first + 1)).toBe(a);
      await both(3);
      // What both leaders of before have begun ends now, and so does what the last one has.
      steps.go(round);
      nodes.thaw(b);
      for (const kind of ["ts", "sh"] as const) {
        const outs = await until(`the output of ${kind}`, async () => {
          const frames = await nodes.server(b).frames(`/?topic=${kind}.out`);
          return frames.length > round && frames;
        });
        expect(outs.length).toBe(round + 1);
        begun[kind] += steps.begun(kind, round);
      }
    }
    // Another step, so that whatever was to come late has come.
    steps.go(ROUNDS);
    const last = await nodes
      .server(0)
      .append("in", "", { "xs-meta": JSON.stringify({ round: ROUNDS }) });
    const inputs = await nodes.server(0).frames("/?topic=in");
    for (const kind of ["ts", "sh"]) {
      const outs = await until(`the end of ${kind}`, async () => {
        const frames = await nodes.server(0).frames(`/?topic=${kind}.out`);
        return (
          frames.some(({ meta }) => (meta as { frame_id?: string }).frame_id === last.id) && frames
        );
      });
      const causes = outs.map(({ meta }) => (meta as { frame_id: string }).frame_id);
      expect([kind, causes]).toEqual([kind, inputs.map(({ id }) => id)]);
    }
    expect((await nodes.server(0).frames("/?topic=made")).length).toBe(ROUNDS + 1);
    expect(await (await nodes.server(0).fetch("/kv/view")).text()).toBe(String(ROUNDS + 1));
    await nodes.atRest();
    const [one, other] = await Promise.all(nodes.all.map((i) => nodes.server(i).frames()));
    expect(one).toEqual(other as typeof one);
    report(`A → B → A: XS_CHAOS_EPOCHS=${ROUNDS}`, [
      `steps begun: ${begun.ts} in TypeScript, ${begun.sh} in sh; written: ${ROUNDS} of each`,
    ]);
  },
);
