/** A store of events that does the same work as xs. Each runs on a directory of its own. */
export interface Peer {
  readonly name: string;
  /** How it was set up, and what that means for durability. */
  readonly settings: string;
  start(directory: string): Promise<void>;
  stop(): Promise<void>;
  /** Appends from so many connections, one at a time on each; gives appends a second. */
  append(clients: number, count: number, content: number): Promise<number>;
  /** Adds events: most of `note`, and as many of `rare` as asked for, spread evenly. */
  fill(count: number, rare: number): Promise<void>;
  /** Reads everything that `fill` added; gives events a second. */
  replay(count: number): Promise<number>;
  /** Reads `rare` again and again; gives reads a second. */
  topic(rare: number, times: number): Promise<number>;
  /** A command line of its program on what `fill` added, where it has one that is like that of xs. */
  command?(...words: string[]): string[];
  /** From an append to a follower that has it, in ms. */
  latency(count: number): Promise<{ p50: number; p99: number }>;
  /** Followers of everything, and one writer; gives deliveries a second. */
  fanOut(followers: number, appends: number): Promise<number>;
}

/** Runs `each` from several clients, until it was run `count` times; gives runs a second. */
export async function hammer<Client>(
  clients: readonly Client[],
  count: number,
  each: (client: Client) => Promise<unknown>,
): Promise<number> {
  let left = count;
  const started = performance.now();
  await Promise.all(
    clients.map(async (client) => {
      while (left-- > 0) await each(client);
    }),
  );
  return count / ((performance.now() - started) / 1000);
}
