import type { Frame } from "../../src/core/frame.ts";
import type { Answering } from "../support/ask.ts";
import type { Random } from "../support/random.ts";

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
  write(server: Answering, random: Random, writer: number): Promise<void>;
  /** Compares a new server with what was acknowledged. */
  check(server: Answering, log: Log): Promise<void>;
  /** The same once no server is killed any more, when all that goes on by itself has to end. */
  finish?(server: Answering): Promise<void>;
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
