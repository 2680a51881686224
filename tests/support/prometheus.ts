/** A sample of a metric, by its name with its labels as `name{label="value"}`. */
export interface Metrics {
  readonly types: ReadonlyMap<string, string>;
  readonly samples: ReadonlyMap<string, number>;
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = `[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\[\\\\"n])*"`;
const SAMPLE = new RegExp(`^(${NAME})(\\{${LABEL}(?:,${LABEL})*\\})? (\\S+)$`);
const NUMBER = /^(?:[+-]?(?:[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|Inf)|NaN)$/;

/**
 * Parses the text format of Prometheus, version 0.0.4, and refuses what is not exactly that: every
 * metric has its HELP and then its TYPE before its samples, once and in one place.
 */
export function parseMetrics(text: string): Metrics {
  const types = new Map<string, string>();
  const samples = new Map<string, number>();
  let helped = "";
  let current = "";
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  for (const line of text.slice(0, -1).split("\n")) {
    const [, word, name = "", rest = ""] =
      new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`).exec(line) ?? [];
    if (word === "HELP") {
      if (types.has(name)) throw new Error(`${name} comes twice`);
      if (/\\(?![\\n])/.test(rest)) throw new Error(`bad escape: ${line}`);
      helped = name;
    } else if (word === "TYPE") {
      if (name !== helped) throw new Error(`${name} has no HELP before its TYPE`);
      if (!/^(counter|gauge|histogram|summary|untyped)$/.test(rest)) throw new Error(line);
      types.set(name, rest);
      current = name;
    } else {
      const [, sample = "", labels = "", value = ""] = SAMPLE.exec(line) ?? [];
      if (!NUMBER.test(value)) throw new Error(`not a line of the format: ${line}`);
      const family =
        types.get(current) === "histogram" ? sample.replace(/_(bucket|sum|count)$/, "") : sample;
      if (family !== current) throw new Error(`${line} stands below ${current}`);
      if (samples.has(sample + labels)) throw new Error(`${sample}${labels} comes twice`);
      samples.set(sample + labels, Number(value.replace("Inf", "Infinity")));
    }
  }
  return { types, samples };
}

/** The buckets of a histogram, with their bounds. @throws if they do not add up */
export function bucketsOf({ samples }: Metrics, name: string): [bound: number, count: number][] {
  const buckets: [number, number][] = [];
  for (const [sample, count] of samples) {
    const [, bound] = /_bucket\{le="([^"]+)"\}$/.exec(sample) ?? [];
    if (!bound || !sample.startsWith(`${name}_bucket`)) continue;
    const before = buckets.at(-1) ?? [-Infinity, 0];
    const next: [number, number] = [Number(bound.replace("Inf", "Infinity")), count];
    if (next[0] <= before[0] || count < before[1]) throw new Error(`${sample} is not cumulative`);
    buckets.push(next);
  }
  const last = buckets.at(-1);
  if (last?.[0] !== Infinity) throw new Error(`${name} has no bucket +Inf`);
  if (last[1] !== samples.get(`${name}_count`)) throw new Error(`${name} does not add up`);
  return buckets;
}
