import type { Frame } from "../../../src/core/frame.ts";
import { expectFollowed } from "../../crash/work/followers.ts";
import type { Log, Work } from "../../crash/work.ts";
import { type Answering, Gone } from "../../support/ask.ts";
import { Follower } from "../../support/follower.ts";
import type { RealNodes } from "../../support/real-nodes.ts";
import { until } from "../../support/wait.ts";

const THRESHOLD = "stream.cross.threshold";

/** Commands that follow the nodes with `--reconnect`, one each: what they print is the log of their node, without a gap. */
export class Printed implements Work, AsyncDisposable {
  readonly writers = 0;
  readonly counts = { "frames printed": 0 };
  readonly #followers: Follower[];

  constructor(nodes: RealNodes) {
    this.#followers = nodes.all.map((i) => {
      const args = ["cat", "-s", nodes.directory(i), "-f", "--reconnect"];
      return new Follower("/tmp", args);
    });
  }

  async write(): Promise<void> {
    throw new Gone("nothing to write");
  }

  async check(_server: Answering, log: Log): Promise<void> {
    const newest = log.frames.at(-1)?.id ?? "";
    for (const follower of this.#followers) {
      await until(`${newest} is printed; stderr: ${follower.stderr}`, () =>
        follower.stdout.includes(`"id":"${newest}"`),
      );
      const frames = follower.lines as unknown as Frame[];
      expectFollowed(
        frames.filter(({ topic }) => topic !== THRESHOLD),
        log,
      );
    }
    this.counts["frames printed"] = this.#followers.reduce(
      (sum, { lines }) => sum + lines.length,
      0,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const follower of this.#followers) await follower[Symbol.asyncDispose]();
  }
}
