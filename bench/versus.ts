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
  const binaries = [XS, other] as const;
  const stores = new Map<string, string>();
  const rows: Row[] = [];
  for (const name of names) {
    const measure = MEASURES[name] as Measure;
    const turns = binaries.map((): Reading[][] => []);
    for (let turn = 0; turn < (measure.turns ?? TURNS); turn++) {
      for (const [at, binary] of binaries.entries()) {
        const store = measure.store ? await storeOf(measure.store, binary) : "";
        turns[at]?.push(await measureWith(binary, () => measure.run(setup, store)));
      }
    }
    const [ours = [], theirs = []] = turns.map(medians);
    rows.push(...ours.map((reading, at) => toRow(reading, theirs[at] as Reading, other)));
  }
  return rows;

  async function storeOf(kind: keyof typeof STORES, binary: string): Promise<string> {
    const key = `${kind} ${binary}`;
    const store = stores.get(key) ?? (await measureWith(binary, () => STORES[kind](setup)));
    stores.set(key, store);
    return store;
  }
}

/** The median of each reading over all turns. */
function medians(turns: readonly Reading[][]): Reading[] {
  return (turns[0] ?? []).map((reading, at) => ({
    ...reading,
    value: median(turns.map((readings) => readings[at]?.value ?? Number.NaN)),
  }));
}

/** A row that says what the change may cost, and names a reading that should be small. */
function toRow({ name, unit, value }: Reading, { value: floor }: Reading, other: string): Row {
  const row = { unit, value, floorName: other, floor };
  console.error(`${name}: ${(value / floor).toFixed(3)}`);
  if (unit === "/s" || unit === "%") return { ...row, name, least: LEAST };
  return { ...row, name: `${name} (smaller is better)`, most: Number((1 / LEAST).toFixed(2)) };
}
