import { fs, paths } from "../lib/builtins.ts";

/** The file of a store's frames, in its directory. */
export const DATABASE = "events.db";
/** The end of the name of the file into which a migration rewrites the database. */
export const NEXT = "-next";
/** The file of the index of the search. */
export const INDEX = "search.db";
/** The file whose lock is the lock of the store. */
export const LOCK = "lock.db";

/** The files of a node of a store on several machines: the key that all of its nodes share, and its name. */
export const CLUSTER_KEY = "cluster-key";
export const NODE_NAME = "node";

/** Whether a directory holds a store. In a separate file, so that a client does not load the store for it. */
export function isStore(path: string): boolean {
  return fs().existsSync(paths().join(path, DATABASE));
}

/** Whether a migration goes on in a directory, or waits to be continued. */
export function isMigrating(path: string): boolean {
  return fs().existsSync(paths().join(path, DATABASE + NEXT));
}
