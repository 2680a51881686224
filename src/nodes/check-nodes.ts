import type { JournalStatus, NodeStatus } from "../core/node-status.ts";
import type { Finding } from "../store/journal/journal.ts";
import type { OwnStatus } from "./own-status.ts";
import { SNAPSHOT_TIMES } from "./snapshots/keeper.ts";

/** From here on a node does not stand, in ms. */
const MAX_CLOCK_MS = 60_000;
/** With less than this free, a node may soon be unable to apply records, in bytes. */
const LEAST_FREE = 1024 ** 3;

/** The newest snapshot of the store: the record that it is of, and when it was made, in ms since 1970. */
export interface NewestSnapshot {
  readonly record: number;
  readonly ms: number;
}

/** A snapshot is overdue after so many records, in records. */
const MOST_RECORDS = 2 * SNAPSHOT_TIMES.everyRecords;

/** What the check of nodes looks at. */
export interface Checked {
  /** Undefined where the journal does not answer, null where there is none. */
  readonly snapshot: NewestSnapshot | null | undefined;
  readonly rows: readonly [...NodeStatus[], JournalStatus];
  /** What each node that answered said of itself. */
  readonly said: ReadonlyMap<string, OwnStatus>;
}

/** Whether the nodes of a store are as its promises need them. */
export function checkNodes({ rows, said, snapshot }: Checked): Finding[] {
  const nodes = rows.filter((row) => row.kind === "node");
  const there = nodes.filter(({ role }) => role !== "away");
  return [
    leading(rows),
    ...nodes.map(reachable),
    ...there.flatMap(clock),
    ...there.flatMap(disk),
    ...keys(said),
    versions(there),
    ...snapshots(rows, snapshot),
  ];
}

function leading(rows: Checked["rows"]): Finding {
  const journal = rows.find((row) => row.kind === "journal");
  if (journal?.leader) return { ok: true, what: `${journal.leader} leads` };
  return {
    ok: false,
    what: "no node leads, so nothing can be written",
    howToMend: "wait some seconds; then look at the findings about the journal, and at  xs nodes",
  };
}

function reachable({ name, role, problem, behind }: NodeStatus): Finding {
  if (role === "away") {
    return {
      ok: false,
      what: `the node ${name} does not answer`,
      howToMend: `start its server, or, if it will not come back:  xs nodes forget ${name}`,
    };
  }
  if (problem !== null) {
    const howToMend = "mend what other lines name; docs/nodes.md says what happens when";
    return { ok: false, what: `the node ${name}: ${problem}`, howToMend };
  }
  const lag = behind === null || behind === 0 ? "" : `, ${behind} records behind`;
  return { ok: true, what: `the node ${name} answers${lag}` };
}

function clock({ name, clock_ms: ms }: NodeStatus): Finding[] {
  if (ms === null || Math.abs(ms) <= MAX_CLOCK_MS) return [];
  const seconds = Math.round(Math.abs(ms) / 1000);
  return [
    {
      ok: false,
      what: `the clock of ${name} is ${seconds} s ${ms > 0 ? "ahead" : "behind"}`,
      howToMend: "set the clock of that machine, or of this one, by NTP",
    },
  ];
}

function disk({ name, disk_free_bytes: free }: NodeStatus): Finding[] {
  if (free === null) return [];
  const megabytes = Math.floor(free / 1024 ** 2).toLocaleString("en");
  if (free >= LEAST_FREE) {
    return [{ ok: true, what: `the disk of ${name} has ${megabytes} MiB free` }];
  }
  return [
    {
      ok: false,
      what: `the disk of ${name} has only ${megabytes} MiB free`,
      howToMend: "free some space: on a full disk the node applies no records and does not lead",
    },
  ];
}

function keys(said: Checked["said"]): Finding[] {
  const ids = Map.groupBy(said, ([, { keyId }]) => keyId);
  const copy = "copy the file cluster-key of a node whose server runs, then restart the other one";
  const bad = [...said].flatMap(([name, { keyFile }]): Finding[] => {
    if (keyFile === "same") return [];
    const how = keyFile === "missing" ? "is missing" : "is not the key that its server uses";
    return [
      {
        ok: false,
        what: `${name}: the file cluster-key ${how}, so that its next start fails`,
        howToMend: copy,
      },
    ];
  });
  if (ids.size > 1) {
    const names = [...ids.values()].map((group) => group.map(([name]) => name).join(", "));
    return [
      { ok: false, what: `cluster keys differ: ${names.join(" / ")}`, howToMend: copy },
      ...bad,
    ];
  }
  return bad.length > 0 ? bad : [{ ok: true, what: "all nodes have the same cluster key" }];
}

/** Without snapshots the journal only grows, and a new node applies every record of it. */
function snapshots(rows: Checked["rows"], snapshot: Checked["snapshot"]): Finding[] {
  const journal = rows.find((row) => row.kind === "journal");
  if (!journal || journal.first === null || snapshot === undefined) return [];
  const since = journal.last - (snapshot?.record ?? journal.first - 1);
  const records = `${since.toLocaleString("en")} records`;
  const what = snapshot
    ? `the newest snapshot is of record ${snapshot.record}, ${new Date(snapshot.ms).toISOString()}; ${records} came since`
    : `there is no snapshot yet, and the journal has ${records}`;
  if (since <= MOST_RECORDS) return [{ ok: true, what }];
  return [
    {
      ok: false,
      what,
      howToMend:
        "a node makes one by itself: look for a warning of its server, and at its disk; or make one by  xs gc --erase  on the leader",
    },
  ];
}

function versions(there: readonly NodeStatus[]): Finding {
  const byVersion = Map.groupBy(there, ({ version }) => version ?? "unknown");
  if (byVersion.size <= 1) {
    return { ok: true, what: `every node runs xs ${[...byVersion.keys()][0] ?? ""}`.trimEnd() };
  }
  const said = [...byVersion].map(
    ([version, nodes]) => `${nodes.map(({ name }) => name).join(", ")}: ${version}`,
  );
  return {
    ok: false,
    what: `nodes run different versions of xs (${said.join("; ")})`,
    howToMend: "upgrade those with the older one, one after the other",
  };
}
