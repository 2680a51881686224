import { copyFileSync } from "node:fs";
import { MEASURES, type Measure, type Reading, STORES, type VersusSetup } from "./measures.ts";
import { measureWith, XS } from "./processes.ts";
import { median } from "./statistics.ts";
import type { Row } from "./table.ts";

/** How often the two binaries take turns. */
const TURNS = 5;
/** What a change may cost. */
const LEAST = 0.97;

/** Measures dist/xs and another binary of xs in turn; the other is the floor. */
export async function compareWith(
  setup: VersusSetup,
  other: string,
  names = Object.keys(MEASURES),
): Promise<Row[]> {
  // A file that was written lately starts faster, and dist/xs may be built again meanwhile: both are copies.
  const binaries = [XS, other].map((binary) => {
    const copy = setup.fresh();
    copyFileSync(binary, copy);
    return copy;
  });
  const stores = new Map<string, string>();
  const rows: Row[] = [];
  for (const name of names) {
    const measure = MEASURES[name] as Measure;
    const turns = binaries.map((): Reading[][] => []);
    for (let turn = 0; turn < (measure.turns ?? TURNS); turn++) {
      const order = [...binaries.entries()];
      // What comes first in a turn is not always the same binary.
      if (turn % 2 === 1) order.reverse();
      for (const [at, binary] of order) {
        const store = measure.store ? await storeOf(measure.store, binary) : "";
        turns[at]?.push(await measureWith(binary, () => measure.run(setup, store)));
      }
    }
    const [ours = [], theirs = []] = turns;
    rows.push(...toRows(ours, theirs, other));
  }
  return rows;

  async function storeOf(kind: keyof typeof STORES, binary: string): Promise<string> {
    const key = `${kind} ${binary}`;
    const store = stores.get(key) ?? (await measureWith(binary, () => STORES[kind](setup)));
    stores.set(key, store);
    return store;
  }
}

/** A row for each reading: the medians, and what the change may cost. */
function toRows(ours: readonly Reading[][], theirs: readonly Reading[][], other: string): Row[] {
  return (ours[0] ?? []).map(({ name, unit }, at) => {
    const values = valuesAt(ours, at);
    const floors = valuesAt(theirs, at);
    const row = { unit, value: median(values), floorName: other, floor: median(floors) };
    // Turns that differ a lot tell that the machine did other work meanwhile.
    const each = values.map((value, turn) => (value / (floors[turn] ?? Number.NaN)).toFixed(2));
    console.error(`${name}: ${(row.value / row.floor).toFixed(3)} (${each.join(" ")})`);
    if (unit === "/s" || unit === "%") return { ...row, name, least: LEAST };
    return { ...row, name: `${name} (smaller is better)`, most: Number((1 / LEAST).toFixed(2)) };
  });
}

function valuesAt(turns: readonly Reading[][], at: number): number[] {
  return turns.map((readings) => readings[at]?.value ?? Number.NaN);
}
