/** What a script may declare, and the meta of its spawn as well. */
export const DECLARED = [
  "topics",
  "start",
  "initial",
  "pulse",
  "on_error",
  "one_by_one",
  "concurrency",
] as const;
/** The keys of the record that a script in TypeScript exports. */
export const SCRIPT_KEYS: readonly string[] = ["run", ...DECLARED];
