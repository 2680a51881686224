/** The value that `share` of all values (0 to 1) do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Runs two measurements in turn, so that a slow minute of the machine hits both; gives medians. */
export async function inTurn(
  rounds: number,
  measure: () => Promise<number>,
  floor: () => Promise<number>,
): Promise<[number, number]> {
  const values: number[] = [];
  const floors: number[] = [];
  for (let round = 0; round < rounds; round++) {
    values.push(await measure());
    floors.push(await floor());
  }
  return [median(values), median(floors)];
}
