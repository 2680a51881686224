import { Connection, countLines, encodeRequest } from "../http.ts";
import { rssAnon } from "../memory.ts";
import { quantile } from "../statistics.ts";
import { Tally } from "../tally.ts";
import { appendRequests } from "./post.ts";

const FOLLOW = "/?follow=true&tail=true";
/** Connections opened at the same time: a listener's queue holds 512, then it refuses. */
const OPEN_AT_ONCE = 100;

async function openFollower(unix: string, tally: Tally, path = FOLLOW): Promise<Connection> {
  const connection = await Connection.open(unix);
  connection
    .request(encodeRequest("GET", path), (bytes) => tally.add(countLines(bytes)))
    .catch((error: Error) => {
      console.error(`follower: ${error.message}`);
      process.exit(1);
    });
  return connection;
}

/** How long a frame takes from the append's first byte to a follower, in ms. */
export async function latency(job: {
  unix: string;
  count: number;
  warmUp: number;
}): Promise<{ p50: number; p99: number }> {
  const tally = new Tally();
  const follower = await openFollower(job.unix, tally);
  await tally.reach(1);
  const writer = await Connection.open(job.unix);
  const next = appendRequests(0);
  const times: number[] = [];
  for (let n = 0; n < job.warmUp + job.count; n++) {
    const started = performance.now();
    const acknowledged = writer.request(next());
    await tally.reach(n + 2);
    if (n >= job.warmUp) times.push(performance.now() - started);
    await acknowledged;
  }
  writer.close();
  follower.close();
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

export interface FollowersResult {
  /** From the first connect to the last threshold. */
  openSeconds: number;
  deliveriesPerSecond: number;
  /** Of the server, with all followers open. */
  rssAnonMB: number;
}

/** Many followers of one stream, and one writer. Each follower gets one line before the first append. */
export async function followers(job: {
  unix: string;
  pid: number;
  followers: number;
  appends: number;
  /** What the followers ask for, and where, if it is not the stream itself. */
  at?: { unix: string; path: string };
  /** Lines that an append brings to each. */
  lines?: number;
}): Promise<FollowersResult> {
  const tally = new Tally();
  const open: Connection[] = [];
  const started = performance.now();
  while (open.length < job.followers) {
    const wave = Math.min(OPEN_AT_ONCE, job.followers - open.length);
    open.push(
      ...(await Promise.all(
        Array.from({ length: wave }, () =>
          openFollower(job.at?.unix ?? job.unix, tally, job.at?.path),
        ),
      )),
    );
    await tally.reach(open.length);
  }
  const openSeconds = (performance.now() - started) / 1000;

  const writer = await Connection.open(job.unix);
  const next = appendRequests(0);
  const from = performance.now();
  for (let n = 0; n < job.appends; n++) await writer.request(next());
  const deliveries = job.followers * job.appends;
  await tally.reach(job.followers + deliveries * (job.lines ?? 1));
  const seconds = (performance.now() - from) / 1000;
  const rssAnonMB = rssAnon(job.pid);
  for (const connection of [writer, ...open]) connection.close();
  return { openSeconds, deliveriesPerSecond: deliveries / seconds, rssAnonMB };
}
