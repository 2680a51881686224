/** The roles of this program besides the command line, as the first argument of its processes. */
export const ROLES = {
  guard: "__guard",
  ts: "__ts",
  shell: "__shell",
  search: "__search",
} as const;
