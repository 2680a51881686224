import { rssAnon } from "../memory.ts";
import { job, serveNothing, serveStore } from "../processes.ts";
import type { Group } from "../setup.ts";
import type { Row } from "../table.ts";

const IDLE_LIMIT_MB = 60;
const LIMIT_MB = 120;

export const memory: Group = {
  name: "memory",
  async run(setup) {
    const nothing = await serveNothing(setup.nothing, setup.fresh());
    const floor = rssAnon(nothing.pid);
    await nothing.stop();
    const server = await serveStore(await setup.store("all"));
    const rows: Row[] = [];
    const note = (when: string, limit = LIMIT_MB) => {
      rows.push({
        name: `memory of the server, ${when}`,
        unit: "MB",
        value: rssAnon(server.pid),
        floorName: "an idle `Bun.serve`",
        floor,
        limit,
      });
    };
    const replays = (times: number) =>
      job("read", { unix: server.unix, path: "/", times, warmUp: 0 });
    const what = `of ${setup.frames.toLocaleString("en-US")} frames`;
    note("idle", IDLE_LIMIT_MB);
    await replays(1);
    note(`after a replay ${what}`);
    await replays(9);
    note(`after ten replays ${what}`);
    await server.stop();
    return rows;
  },
};
