import type { NodeMetrics } from "../store/nodes.ts";
import { version } from "../version.ts";
import type { Call } from "./call.ts";

type Type = "counter" | "gauge" | "histogram";
/** The text after the name of the metric (a suffix, labels), and the value. */
type Sample = readonly [behindName: string, value: number];

/**
 * Responds with the metrics of the server, in the text format of Prometheus
 * (https://prometheus.io/docs/instrumenting/exposition_formats/, 0.0.4).
 */
export async function metrics({ store, errors, context }: Call): Promise<Response> {
  const node = await context.nodes?.metrics();
  const now = store.metrics;
  const cpu = process.cpuUsage();
  const tasks = Object.entries(now.background);
  const families = [
    gauge("xs_info", "The version of xs.", [label("version", version), 1]),
    gauge("xs_frames", "Frames in the store.", now.frames),
    gauge("xs_kv_pairs", "Entries in the k/v store.", now.pairs),
    counter("xs_appends_total", "Frames appended.", now.appends),
    counter("xs_appended_bytes_total", "Bytes of the frames appended.", now.appendedBytes),
    counter(
      "xs_appended_content_bytes_total",
      "Bytes of the content of the frames appended.",
      now.appendedContentBytes,
    ),
    counter("xs_commits_total", "Commits.", now.commits),
    family("xs_commit_writes", "histogram", "Writes that shared a commit.", [
      ...buckets(now.commitsBySize.map(({ upTo, commits: count }) => ({ upTo, count }))),
      ["_sum", now.commitWrites],
      ["_count", now.commits],
    ]),
    gauge("xs_followers", "Reads of the stream that follow or wait.", now.followers),
    gauge("xs_kv_watchers", "Watches of the k/v store.", now.watchers),
    gauge(
      "xs_follower_lag_seconds",
      "Lag of the slowest follower behind the newest frame.",
      now.followerLag,
    ),
    gauge("xs_staged_contents", "Contents that are not in a file yet.", now.stagedContents),
    gauge("xs_staged_bytes", "Bytes of the contents that are not in a file yet.", now.stagedBytes),
    gauge("xs_database_bytes", "Bytes of the database and its log.", now.databaseBytes),
    counter(
      "xs_background_runs_total",
      "Runs of background tasks of the store.",
      ...tasks.map(([task, { runs }]): Sample => [label("task", task), runs]),
    ),
    counter(
      "xs_background_seconds_total",
      "Time that background tasks of the store took.",
      ...tasks.map(([task, { seconds }]): Sample => [label("task", task), seconds]),
    ),
    counter(
      "xs_errors_total",
      "Requests answered with an error.",
      ...[...errors].map(([code, count]): Sample => [label("code", code), count]),
    ),
    gauge("process_resident_memory_bytes", "Memory in use.", process.memoryUsage.rss()),
    counter(
      "process_cpu_seconds_total",
      "Time on the processor.",
      (cpu.user + cpu.system) / 1_000_000,
    ),
    gauge(
      "process_start_time_seconds",
      "When the process started, since 1970.",
      performance.timeOrigin / 1000,
    ),
    ...(node ? ofNode(node) : []),
  ];
  return new Response(families.join(""), {
    headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
  });
}

/** The metrics of a node of a store on several machines. */
function ofNode(node: NodeMetrics): string[] {
  const { appends } = node;
  const labels = `${label("node", node.node).slice(0, -1)},${label("journal", node.journal).slice(1)}`;
  return [
    gauge("xs_node_info", "The node, and its journal.", [labels, 1]),
    gauge("xs_node_leads", "1 while this node leads.", Number(node.isLeader)),
    gauge("xs_node_epoch", "The epoch, which rises whenever another node leads.", node.epoch),
    gauge("xs_node_record", "The last record that this node has applied.", node.record),
    gauge("xs_journal_last_record", "The last record of the journal.", node.lastRecord),
    gauge("xs_journal_reachable", "1 while the journal answers.", Number(node.isReachable)),
    gauge(
      "xs_node_lag_records",
      "Records of the journal that this node has not applied.",
      Math.max(0, node.lastRecord - node.record),
    ),
    counter("xs_node_records_applied_total", "Records applied.", node.recordsApplied),
    counter(
      "xs_node_forwarded_writes_total",
      "Writes that this node asked the leader for.",
      node.forwardedWrites,
    ),
    counter("xs_journal_stalls_total", "Times that the journal took too long.", node.stalls),
    family("xs_journal_append_seconds", "histogram", "Time that an append to the journal took.", [
      ...buckets(appends.buckets),
      ["_sum", appends.seconds],
      ["_count", appends.count],
    ]),
  ];
}

function gauge(name: string, help: string, value: number | Sample): string {
  return family(name, "gauge", help, [value]);
}

function counter(name: string, help: string, ...values: (number | Sample)[]): string {
  return family(name, "counter", help, values);
}

function family(name: string, type: Type, help: string, values: (number | Sample)[]): string {
  const lines = values.map((value) => {
    const [behindName, number] = typeof value === "number" ? ["", value] : value;
    return `${name}${behindName} ${number}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

/** The cumulative buckets of a histogram. */
function buckets(counts: NodeMetrics["appends"]["buckets"]): Sample[] {
  let sum = 0;
  return counts.map(({ upTo, count }) => {
    sum += count;
    return [`_bucket${label("le", upTo === Infinity ? "+Inf" : String(upTo))}`, sum];
  });
}

/** Formats a label, with the escapes of the format. */
export function label(name: string, value: string): string {
  const escaped = value.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n");
  return `{${name}="${escaped}"}`;
}
