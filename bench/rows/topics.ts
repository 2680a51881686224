import { topicOf } from "../load/fill.ts";
import { job, measuredBinary, serveStore } from "../processes.ts";
import type { Setup } from "../setup.ts";
import { median } from "../statistics.ts";
import { asAddress, runMs } from "./start.ts";

// A store of frames that many topics of three levels share evenly.
const TOPICS = 100;
const FRAMES = 200_000;
const CLIENTS = 64;

/** Makes that store with the binary that is being measured; gives its directory. */
export async function makeTopicStore(setup: Setup): Promise<string> {
  const directory = setup.fresh();
  const server = await serveStore(directory);
  await job("fill", { unix: server.unix, frames: setup.count(FRAMES), topics: TOPICS });
  await server.stop();
  return directory;
}

/** Frames a second in a read of one topic. */
export function topicRead(setup: Setup, store: string): Promise<number> {
  return filteredRead(setup, store, topicOf(7), 1, 300);
}

/** Frames a second in a read of all topics by their common pattern. */
export function wideRead(setup: Setup, store: string): Promise<number> {
  return filteredRead(setup, store, "t.*", TOPICS, 5);
}

/** Frames a second in a read of two patterns, each of which one topic matches. */
export function narrowRead(setup: Setup, store: string): Promise<number> {
  return filteredRead(setup, store, "t.1.*,t.2.*", 2, 150);
}

async function filteredRead(
  setup: Setup,
  store: string,
  filter: string,
  topics: number,
  times: number,
): Promise<number> {
  const server = await serveStore(store);
  const path = `/?topic=${filter}`;
  const warmUp = Math.ceil(times / 5);
  const { lines, seconds } = await job("read", { unix: server.unix, path, times, warmUp });
  await server.stop();
  const wanted = (setup.count(FRAMES) / TOPICS) * topics;
  if (lines !== wanted) throw new Error(`${filter} gave ${lines} frames, and not ${wanted}`);
  return lines / seconds;
}

/** Requests a second for the newest frame of a topic. */
export function lastRequests(setup: Setup, store: string): Promise<number> {
  return requests(setup, store, "getLast");
}

/** Requests a second for frames by their ids. */
export function frameRequests(setup: Setup, store: string): Promise<number> {
  return requests(setup, store, "getFrames");
}

async function requests(
  setup: Setup,
  store: string,
  name: "getLast" | "getFrames",
): Promise<number> {
  const server = await serveStore(store);
  const { perSecond } = await job(name, {
    unix: server.unix,
    clients: CLIENTS,
    count: setup.count(100_000),
    warmUp: setup.count(10_000),
    topics: TOPICS,
  });
  await server.stop();
  return perSecond;
}

/** How long `xs last` takes as a process that opens the store itself, in ms. */
export function openMs(setup: Setup, store: string): number {
  const command = [measuredBinary(), "last", asAddress(store), topicOf(7)];
  return median(Array.from({ length: setup.count(50) }, () => runMs(command)));
}
