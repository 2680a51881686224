import { intoHead, runMs } from "../rows/start.ts";
import type { Setup } from "../setup.ts";
import { median } from "../statistics.ts";
import { Nats } from "./nats.ts";
import type { Peer } from "./peer.ts";
import { Redis } from "./redis.ts";
import { Xs } from "./xs.ts";

interface Measured {
  name: string;
  unit: "/s" | "ms";
  values: number[];
}

/**
 * Does the same work with xs and its peers, in turn, and gives a table with their settings.
 *
 * @param withServers also with Redis and NATS
 * @param others binaries that can do the same as xs
 */
export async function comparePeers(
  setup: Setup,
  withServers: boolean,
  others: readonly string[],
): Promise<string> {
  const peers: Peer[] = [new Xs("dist/xs", "xs")];
  if (withServers) peers.push(new Redis(), new Nats());
  for (const path of others) peers.push(new Xs(path, path));
  const rows: Measured[] = [];
  const frames = setup.count(200_000);
  const rare = 100;
  const row = async (
    name: string,
    unit: Measured["unit"],
    measure: (peer: Peer) => Promise<number>,
  ) => {
    const values: number[][] = peers.map(() => []);
    for (let round = 0; round < setup.rounds; round++) {
      for (const [n, peer] of peers.entries()) values[n]?.push(await measure(peer));
    }
    const measured = { name, unit, values: values.map(median) };
    rows.push(measured);
    report(measured);
  };
  for (const peer of peers) await peer.start(setup.fresh());
  try {
    for (const content of [0, 1024]) {
      const what = content === 0 ? "append" : "append of 1 KiB";
      await row(`${what}, 1 client`, "/s", (peer) => peer.append(1, setup.count(3000), content));
      await row(`${what}, 64 clients`, "/s", (peer) =>
        peer.append(64, setup.count(20_000), content),
      );
    }
    const latencies = new Map<Peer, number>();
    await row("append to follower, p50", "ms", async (peer) => {
      const { p50, p99 } = await peer.latency(setup.count(2000));
      latencies.set(peer, p99);
      return p50;
    });
    rows.push({
      name: "append to follower, p99",
      unit: "ms",
      values: peers.map((peer) => latencies.get(peer) ?? Number.NaN),
    });
    const many = setup.count(1000);
    await row(`deliveries to ${many.toLocaleString("en-US")} followers`, "/s", (peer) =>
      peer.fanOut(many, 100),
    );
  } finally {
    for (const peer of peers) await peer.stop();
  }
  for (const peer of peers) {
    await peer.start(setup.fresh());
    await peer.fill(frames, rare);
  }
  try {
    await row(`replay of ${frames.toLocaleString("en-US")} events`, "/s", (peer) =>
      peer.replay(frames),
    );
    await row(`reads of a topic: ${rare} of those`, "/s", (peer) =>
      peer.topic(rare, setup.count(100)),
    );
    const commands: [name: string, commandOf: (peer: Peer) => string[] | undefined][] = [
      ["`version` as a process", (peer) => peer.command?.("version")],
      ["`last` as a process", (peer) => peer.command?.("last", "rare")],
      ["`cat` into `head -1`", (peer) => peer.command && intoHead(peer.command("cat"))],
    ];
    for (const [name, commandOf] of commands) rows.push(processes(name, commandOf));
  } finally {
    for (const peer of peers) await peer.stop();
  }
  return table(peers, rows);

  /** Runs a command of each peer that has it, in turn. */
  function processes(name: string, commandOf: (peer: Peer) => string[] | undefined): Measured {
    const values = peers.map(() => [] as number[]);
    const commands = peers
      .map(commandOf)
      .map((command) => (command && works(command) ? command : undefined));
    for (let round = 0; round < setup.count(100); round++) {
      for (const [n, command] of commands.entries()) {
        if (command) values[n]?.push(runMs(command));
      }
    }
    const row: Measured = { name, unit: "ms", values: values.map(median) };
    report(row);
    return row;
  }
}

/** Whether a binary, which may be another program than xs, knows a command. */
function works(command: string[]): boolean {
  return Bun.spawnSync(command, { stdio: ["ignore", "ignore", "ignore"] }).success;
}

function report({ name, unit, values }: Measured): void {
  console.error(`${name}: ${values.map((value) => shown(value, unit)).join(", ")}`);
}

function table(peers: readonly Peer[], rows: readonly Measured[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(["measured", ...peers.map(({ name }) => name)]),
    line(["---", ...peers.map(() => "---:")]),
    ...rows.map(({ name, unit, values }) =>
      line([name, ...values.map((value) => shown(value, unit))]),
    ),
    "",
    ...peers.map(({ name, settings }) => `- ${name}: ${settings}`),
  ].join("\n");
}

function shown(value: number, unit: Measured["unit"]): string {
  // Not every peer has a program for every row.
  if (Number.isNaN(value)) return "–";
  if (unit === "/s") return `${Math.round(value).toLocaleString("en-US")}/s`;
  return `${value.toFixed(2)} ms`;
}
