import type { Verbs } from "./verb.ts";

/** Every verb, in the order of the help. A verb's file is loaded when it is run. */
export const VERBS: Verbs = {
  serve: async () => (await import("./serve.ts")).serve,
  append: async () => (await import("./append.ts")).append,
  cat: async () => (await import("./cat.ts")).cat,
  tac: async () => (await import("./tac.ts")).tac,
  get: async () => (await import("./get.ts")).get,
  remove: async () => (await import("./remove.ts")).remove,
  first: async () => (await import("./first.ts")).first,
  last: async () => (await import("./last.ts")).last,
  next: async () => (await import("./next.ts")).next,
  previous: async () => (await import("./previous.ts")).previous,
  content: async () => (await import("./content.ts")).content,
  cas: async () => (await import("./cas.ts")).cas,
  "cas-post": async () => (await import("./cas-post.ts")).casPost,
  export: async () => (await import("./export.ts")).exportVerb,
  import: async () => (await import("./import.ts")).importVerb,
  scru128: async () => (await import("./scru128.ts")).scru128,
  version: async () => (await import("./version.ts")).versionVerb,
  completions: async () => (await import("./completions.ts")).completions,
};
