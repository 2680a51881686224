import { XS } from "../processes.ts";
import type { Group } from "../setup.ts";
import { inTurn } from "../statistics.ts";
import { asAddress, runMs } from "./start.ts";

/** The same question to both: sqlite3 reads the table, where the time is a number. */
const BY_HOUR = "SELECT substr(time, 1, 13) AS hour, count(*) FROM frames GROUP BY hour";
const BY_HOUR_OF_TABLE =
  "SELECT strftime('%Y-%m-%dT%H', ms / 1000, 'unixepoch') AS hour, count(*) FROM frames GROUP BY hour";
const OF_TOPIC = "SELECT meta FROM frames WHERE topic = 'deep'";
const OF_TOPIC_OF_TABLE =
  "SELECT line -> '$.meta' FROM topics CROSS JOIN by_topic USING (topic) CROSS JOIN frames USING (seq) WHERE name = 'deep'";

/** Queries of the store of questions, as processes. */
export const sql: Group = {
  name: "sql",
  async run(setup) {
    const { directory: store } = await setup.questions();
    const row = async (name: string, query: string, floorQuery: string, most?: number) => {
      const command = [XS, "sql", "-s", asAddress(store), query];
      const floorCommand = ["sqlite3", `${store}/events.db`, floorQuery];
      const [value, floor] = await inTurn(
        setup.count(20),
        () => Promise.resolve(runMs(command)),
        () => Promise.resolve(runMs(floorCommand)),
      );
      const floorName = "`sqlite3` on the tables of the same file";
      return { name, unit: "ms" as const, value, floorName, floor, ...(most && { most }) };
    };
    const frames = setup.frames.toLocaleString("en-US");
    return [
      await row(`\`xs sql\`: ${frames} frames counted by hour`, BY_HOUR, BY_HOUR_OF_TABLE, 2),
      await row("`xs sql`: the meta of 100 of them, by topic", OF_TOPIC, OF_TOPIC_OF_TABLE),
    ];
  },
};
