import type { Frame } from "../../src/core/frame.ts";
import type { Random } from "../support/random.ts";
import type { Server } from "../support/server.ts";

/**
 * A kind of work under which a server is killed. It remembers what was acknowledged, over all
 * rounds on one store.
 */
export interface Work {
  /** How many do it at once. */
  readonly writers: number;
  /**
   * One of them: goes on until the server is gone, and rejects then with {@link Gone}. Anything else
   * it throws is a defect.
   */
  write(server: Server, random: Random, writer: number): Promise<void>;
  /** Compares a new server with what was acknowledged. */
  check(server: Server, log: Log): Promise<void>;
  /** The same once no server is killed any more, when all that goes on by itself has to end. */
  finish?(server: Server): Promise<void>;
  /** What was acknowledged so far, by its name. */
  readonly counts: Readonly<Record<string, number>>;
}

/** The whole log of a server. */
export class Log {
  readonly frames: readonly Frame[];
  readonly byId: ReadonlyMap<string, Frame>;

  constructor(frames: readonly Frame[]) {
    this.frames = frames;
    this.byId = new Map(frames.map((frame) => [frame.id, frame]));
  }

  /** The frames of a topic and of all below it. */
  below(topic: string): Frame[] {
    return this.frames.filter((frame) => `${frame.topic}.`.startsWith(`${topic}.`));
  }
}
