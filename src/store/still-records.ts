import { XsError } from "../core/error.ts";
import type { Records } from "./records.ts";

/** The records of a node that is open without its journal: no other comes. */
export function stillRecords(path: string, record: number): Records {
  return {
    record,
    async reached(wanted) {
      if (wanted <= record) return;
      throw new XsError(
        "not_reached",
        `${path} has the records up to ${record}, and not ${wanted}: no server runs here that brings more; start it with  xs serve  and --journal, or ask another node`,
      );
    },
  };
}
