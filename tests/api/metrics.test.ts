import { expect, test } from "bun:test";
import { label } from "../../src/api/metrics.ts";
import { version } from "../../src/version.ts";
import { bucketsOf, type Metrics, parseMetrics } from "../support/prometheus.ts";
import { until } from "../support/wait.ts";
import { Subject } from "./with-store.ts";

async function metricsOf(subject: Subject): Promise<Metrics> {
  const response = await subject.ask("/metrics");
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  return parseMetrics(await response.text());
}

test("GET /metrics is the text format of Prometheus, every line of it, with every metric", async () => {
  await using subject = new Subject();
  const empty = await metricsOf(subject);
  expect(Object.fromEntries(empty.types)).toEqual({
    xs_info: "gauge",
    xs_frames: "gauge",
    xs_kv_pairs: "gauge",
    xs_appends_total: "counter",
    xs_appended_bytes_total: "counter",
    xs_appended_content_bytes_total: "counter",
    xs_commits_total: "counter",
    xs_commit_writes: "histogram",
    xs_followers: "gauge",
    xs_kv_watchers: "gauge",
    xs_follower_lag_seconds: "gauge",
    xs_staged_contents: "gauge",
    xs_staged_bytes: "gauge",
    xs_database_bytes: "gauge",
    xs_background_runs_total: "counter",
    xs_background_seconds_total: "counter",
    xs_errors_total: "counter",
    process_resident_memory_bytes: "gauge",
    process_cpu_seconds_total: "counter",
    process_start_time_seconds: "gauge",
  });
  expect(empty.samples.get(`xs_info{version="${version}"}`)).toBe(1);

  const frame = await subject.append("note", "12345");
  const large = await subject.append("note", "x".repeat(100_000));
  const headers = { "xs-meta": Buffer.from('"→"').toString("base64") };
  const response = await subject.post("/passing?ttl=ephemeral", "", headers);
  const passing = await response.json();
  await subject.ask("/kv/a", { method: "PUT", body: "1" });
  const follower = await subject.follow("/?follow");
  const watcher = await subject.follow("/kv?follow");
  const { samples } = await metricsOf(subject);
  expect(Object.fromEntries(samples)).toMatchObject({
    xs_frames: 2,
    xs_kv_pairs: 1,
    xs_appends_total: 3,
    xs_appended_content_bytes_total: 100_005,
    xs_followers: 1,
    xs_kv_watchers: 1,
    xs_staged_contents: 1,
    xs_staged_bytes: 5,
  });
  const bytes = [frame, large, passing].map((f) => Buffer.byteLength(JSON.stringify(f)) + 1);
  expect(samples.get("xs_appended_bytes_total")).toBe(bytes.reduce((sum, n) => sum + n));
  expect(samples.get("xs_database_bytes")).toBeGreaterThan(4096);
  expect(samples.get("process_resident_memory_bytes")).toBeGreaterThan(10_000_000);
  expect(samples.get("process_cpu_seconds_total")).toBeGreaterThan(0);
  const started = samples.get("process_start_time_seconds") ?? 0;
  expect(Math.abs(Date.now() / 1000 - process.uptime() - started)).toBeLessThan(5);
  await follower.cancel();
  await watcher.cancel();
  const after = await metricsOf(subject);
  expect([after.samples.get("xs_followers"), after.samples.get("xs_kv_watchers")]).toEqual([0, 0]);
});

test("a follower that begins at any id, and has read nothing yet, has a lag", async () => {
  await using subject = new Subject();
  const { id } = await subject.append("note");
  for (const from of [`${id.slice(0, -1)}0`, `${id.slice(0, -1)}a`, "0".repeat(25)]) {
    const follower = await subject.follow(`/?follow&from=${from}`);
    const { samples } = await metricsOf(subject);
    expect([from, samples.get("xs_followers")]).toEqual([from, 1]);
    await follower.cancel();
  }
});

test("the writes of a commit are a histogram, whose buckets add up", async () => {
  await using subject = new Subject();
  const before = bucketsOf(await metricsOf(subject), "xs_commit_writes");
  expect(before.map(([bound]) => bound)).toEqual([
    ...Array.from({ length: 11 }, (_, n) => 2 ** n),
    Infinity,
  ]);
  await subject.append("note");
  // Those that arrive together share commits.
  await Promise.all(Array.from({ length: 40 }, () => subject.append("note")));
  const now = await metricsOf(subject);
  const [first, ...others] = bucketsOf(now, "xs_commit_writes");
  expect(first?.[1]).toBeGreaterThan(0);
  expect(others.at(-1)?.[1]).toBeGreaterThan(first?.[1] ?? Infinity);
  expect(now.samples.get("xs_commit_writes_sum")).toBeGreaterThanOrEqual(41);
  expect(now.samples.get("xs_commits_total")).toBe(now.samples.get("xs_commit_writes_count"));
});

test("errors are counted by their code, each store's own", async () => {
  await using subject = new Subject();
  await using other = new Subject();
  await subject.append("note", "x");
  const { hash } = await subject.append("note", "x");
  await subject.ask("/?wrong");
  await subject.ask("/?wrong");
  await subject.ask("/version", { method: "PUT" });
  await subject.ask(`/cas/${hash}`, { headers: { range: "bytes=9-" } });
  const errors = async (of: Subject) =>
    [...(await metricsOf(of)).samples].filter(([name]) => name.startsWith("xs_errors_total"));
  expect(await errors(subject)).toEqual([
    ['xs_errors_total{code="bad_option"}', 2],
    ['xs_errors_total{code="method_not_allowed"}', 1],
    ['xs_errors_total{code="range_not_satisfiable"}', 1],
  ]);
  expect(await errors(other)).toEqual([]);
});

test("a label is escaped", () => {
  expect(label("code", 'a\\b"c\nd')).toBe('{code="a\\\\b\\"c\\nd"}');
  const text = `# HELP x y\n# TYPE x gauge\nx${label("code", '\\n"\n')} 1\n`;
  expect([...parseMetrics(text).samples]).toEqual([['x{code="\\\\n\\"\\n"}', 1]]);
});

test("what the store does in the background is counted, task by task", async () => {
  await using subject = new Subject();
  await subject.append("note", "small");
  await until("each task has run", async () => {
    const { samples } = await metricsOf(subject);
    const tasks = ["expire", "ephemeral", "collect", "flush", "place"];
    return tasks.every((task) => {
      const of = (name: string) => samples.get(`xs_background_${name}_total{task="${task}"}`) ?? 0;
      return of("runs") > 0 && of("seconds") > 0;
    });
  });
});
