/** The options that a handler's script, or the meta of its spawn, may declare. */
export const DECLARED = [
  "topics",
  "start",
  "initial",
  "pulse",
  "on_error",
  "retries",
  "one_by_one",
  "concurrency",
] as const;
