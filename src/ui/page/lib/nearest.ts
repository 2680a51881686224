/** The member at a place of a list or, beyond an end, the one at that end; undefined where the list is empty. */
export function nearest<T>(list: readonly T[], at: number): T | undefined {
  return list[Math.min(Math.max(at, 0), list.length - 1)];
}
