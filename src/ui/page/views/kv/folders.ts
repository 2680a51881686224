import type { Entry } from "./listed.ts";

/** Keys that begin alike, up to a `/`. */
export interface Folder {
  /** With the `/` at its end. */
  readonly prefix: string;
  readonly entries: number;
  /** Of all values, in bytes. */
  readonly size: number;
  /** The newest revision. */
  readonly rev: string;
}

/** A row of the list. */
export type Row = Entry | Folder;

/** The name of a row that no other one has. */
export function nameOf(row: Row): string {
  return "key" in row ? row.key : row.prefix;
}

/** Puts the entries that have a `/` behind a prefix into folders; the others stay. @param entries in the order of keys */
export function inFolders(entries: readonly Entry[], prefix: string): Row[] {
  const rows: Row[] = [];
  const at = new Map<string, number>();
  for (const entry of entries) {
    const end = entry.key.indexOf("/", prefix.length);
    if (end < 0) {
      rows.push(entry);
      continue;
    }
    const name = entry.key.slice(0, end + 1);
    const before = at.get(name);
    const folder = before === undefined ? undefined : (rows[before] as Folder);
    const next = {
      prefix: name,
      entries: (folder?.entries ?? 0) + 1,
      size: (folder?.size ?? 0) + entry.size,
      rev: folder && folder.rev > entry.rev ? folder.rev : entry.rev,
    };
    at.set(name, before ?? rows.length);
    rows[before ?? rows.length] = next;
  }
  return rows;
}

/** The folders that a prefix is in, the outermost first: what each adds, and its whole prefix. */
export function wayTo(prefix: string): { label: string; prefix: string }[] {
  const way: { label: string; prefix: string }[] = [];
  let start = 0;
  for (let end = prefix.indexOf("/"); end >= 0; end = prefix.indexOf("/", start)) {
    way.push({ label: prefix.slice(start, end + 1), prefix: prefix.slice(0, end + 1) });
    start = end + 1;
  }
  return way;
}

/** The folder that a prefix is in. */
export function above(prefix: string): string {
  return prefix.slice(0, prefix.slice(0, -1).lastIndexOf("/") + 1);
}
