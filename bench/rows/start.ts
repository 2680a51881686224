import { serveStore, XS } from "../processes.ts";
import type { Group } from "../setup.ts";
import { inTurn, median } from "../statistics.ts";
import type { Row } from "../table.ts";

export const start: Group = {
  name: "start",
  async run(setup) {
    const directory = setup.fresh();
    const server = await serveStore(directory);
    const commands = {
      version: [XS, "version"],
      append: [XS, "append", directory, "note"],
      empty: [setup.empty],
    };
    const times = { version: [] as number[], append: [] as number[], empty: [] as number[] };
    for (let round = 0; round < setup.count(200); round++) {
      for (const name of ["version", "empty", "append"] as const) {
        times[name].push(runMs(commands[name]));
      }
    }
    await server.stop();
    const row = (name: "version" | "append"): Row => ({
      name: `\`xs ${name}\` as a process`,
      unit: "ms",
      value: median(times[name]),
      floorName: "an empty program, compiled",
      floor: median(times.empty),
    });
    return [
      { ...row("version"), most: 3 },
      { ...row("append"), most: 3 },
    ];
  },
};

export const serve: Group = {
  name: "serve",
  async run(setup) {
    const large = await setup.store("all");
    const [value, floor] = await inTurn(
      setup.count(20),
      () => startMs(large),
      () => startMs(setup.fresh()),
    );
    const row: Row = {
      name: `\`xs serve\` to its first answer, ${setup.frames.toLocaleString("en-US")} frames`,
      unit: "ms",
      value,
      floorName: "the same on an empty store",
      floor,
    };
    return [row];
  },
};

/** How long a command takes as a process, in ms. */
export function runMs(command: string[]): number {
  const started = performance.now();
  const { exitCode } = Bun.spawnSync(command, { stdio: ["ignore", "ignore", "inherit"] });
  if (exitCode !== 0) throw new Error(`${command.join(" ")} failed`);
  return performance.now() - started;
}

async function startMs(directory: string): Promise<number> {
  const server = await serveStore(directory);
  await server.stop();
  return server.startSeconds * 1000;
}
