import { readdirSync, rmSync, statSync } from "node:fs";
import type { FillResult } from "../load/fill.ts";
import { job, serveStore } from "../processes.ts";
import type { Setup } from "../setup.ts";

const SIZE_FRAMES = 200_000;
const FILL_TOPICS = 1000;

/** Bytes of the database a frame, after the server has stopped. */
export async function bytesPerFrame(setup: Setup, topics: number): Promise<number> {
  const frames = setup.count(SIZE_FRAMES);
  const { bytes } = await fillStore(setup, frames, topics);
  return bytes / frames;
}

/** Appends many frames over many topics to a fresh store. */
export async function fillTopics(setup: Setup, frames: number): Promise<FillResult> {
  return (await fillStore(setup, frames, FILL_TOPICS)).result;
}

async function fillStore(
  setup: Setup,
  frames: number,
  topics: number,
): Promise<{ result: FillResult; bytes: number }> {
  const directory = setup.fresh();
  const server = await serveStore(directory);
  const result = await job("fill", { unix: server.unix, frames, topics });
  await server.stop();
  const bytes = databaseBytes(directory);
  // A full run makes many gigabytes.
  rmSync(directory, { recursive: true });
  return { result, bytes };
}

/** The database with whatever a stop leaves beside it. */
function databaseBytes(directory: string): number {
  const files = readdirSync(directory).filter((name) => name.startsWith("events.db"));
  return files.reduce((total, name) => total + statSync(`${directory}/${name}`).size, 0);
}
