// Runs one job in a process of its own and prints what came of it as JSON.
import { content } from "./floors/content.ts";
import { query } from "./floors/queries.ts";
import { sqlite, sqliteKv } from "./floors/sqlite.ts";
import { batch } from "./load/batch.ts";
import { fill } from "./load/fill.ts";
import { followers, latency } from "./load/follow.ts";
import { getFrames, getLast } from "./load/get.ts";
import { jetstream } from "./load/jetstream.ts";
import { kv } from "./load/kv.ts";
import { post } from "./load/post.ts";
import { pipe, read } from "./load/read.ts";

const jobs = {
  content,
  sqlite,
  sqliteKv,
  batch,
  fill,
  kv,
  getFrames,
  getLast,
  jetstream,
  followers,
  latency,
  post,
  pipe,
  query,
  read,
};

export type Jobs = typeof jobs;

const [name = "", input = ""] = process.argv.slice(2);
const job = jobs[name as keyof Jobs] as (input: unknown) => Promise<unknown>;
console.log(JSON.stringify(await job(JSON.parse(input))));
process.exit(0);
