import { connect } from "../kit/connect.ts";
import { idsOf, removeAll } from "../kit/ids.ts";
import { formatOf, LIST_OPTIONS, printList } from "../kit/show.ts";
import { splitTarget } from "../kit/target.ts";
import type { Verb } from "../kit/verb.ts";

export const scheduledVerb: Verb = {
  name: "scheduled",
  summary: "List the events that are appended later, first due first",
  positionals: "[ADDR]",
  options: LIST_OPTIONS,
  examples: [
    ["xs scheduled", "a table; in a pipe, JSON lines"],
    ["xs append remind 'call Anna' --in 2h", "schedules one"],
    ["xs scheduled rm 03hadtdyn9s2dxl5soli9q9dz", "takes one back"],
  ],
  async run(input) {
    await using client = await connect(splitTarget(input, 0).address);
    const load = async () => (await import("../terminal/scheduled.ts")).ScheduledTable;
    await printList(formatOf(input.options), await client.request("/-/scheduled"), load);
  },
};

const EVENTS = { what: "scheduled events", key: "scheduled", path: "/-/scheduled/" } as const;

export const scheduledRmVerb: Verb = {
  name: "scheduled rm",
  summary: "Take back events that are scheduled",
  positionals: "[ADDR] ID…|-",
  options: {},
  examples: [
    ["xs scheduled rm 03hadtdyn9s2dxl5soli9q9dz", "the event never comes"],
    [
      "xs scheduled | grep remind | xs scheduled rm -",
      "stdin has one of the list, or an id, on each line",
    ],
  ],
  async run(input) {
    const target = splitTarget(input, [1, Number.POSITIVE_INFINITY], "ID");
    const ids = await idsOf(target.rest, EVENTS);
    if (ids.length > 0) await removeAll(target, ids, EVENTS);
  },
};
