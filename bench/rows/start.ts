import { serveStore, XS } from "../processes.ts";
import type { Group } from "../setup.ts";
import { inTurn, median } from "../statistics.ts";
import type { Row } from "../table.ts";

export const start: Group = {
  name: "start",
  async run(setup) {
    const directory = setup.fresh();
    const server = await serveStore(directory);
    const large = await setup.store("all");
    const largeServer = await serveStore(large);
    const commands = {
      version: [XS, "version"],
      append: [XS, "append", asAddress(directory), "note"],
      last: [XS, "last", asAddress(directory)],
      head: intoHead([XS, "cat", asAddress(large)]),
      versionHead: intoHead([XS, "version"]),
      empty: [setup.empty],
    };
    const names = Object.keys(commands) as (keyof typeof commands)[];
    const times = new Map(names.map((name) => [name, [] as number[]]));
    for (let round = 0; round < setup.count(200); round++) {
      // Each follows another in every second round.
      for (const name of round % 2 === 0 ? names : names.toReversed()) {
        times.get(name)?.push(runMs(commands[name]));
      }
    }
    await server.stop();
    await largeServer.stop();
    const ms = (name: keyof typeof commands) => median(times.get(name) ?? []);
    const row = (name: "version" | "append" | "last"): Row => ({
      name: `\`xs ${name}\` as a process`,
      unit: "ms",
      value: ms(name),
      floorName: "an empty program, compiled",
      floor: ms("empty"),
    });
    return [
      { ...row("version"), most: 3 },
      { ...row("append"), most: 3 },
      { ...row("last"), floorName: "`xs version`", floor: ms("version"), most: 1.6 },
      {
        name: `\`xs cat\` of ${setup.frames.toLocaleString("en-US")} frames into \`head -1\``,
        unit: "ms",
        value: ms("head"),
        floorName: "`xs version` into `head -1`",
        floor: ms("versionHead"),
      },
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

/** The address of a store, as a command line takes it. @param directory relative */
export function asAddress(directory: string): string {
  return `./${directory}`;
}

/** A command whose output goes to `head -1`, which reads the first line and ends. */
export function intoHead(command: readonly string[]): string[] {
  return ["sh", "-c", '"$@" | head -1', "sh", ...command];
}

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
