import { computed, signal } from "@preact/signals";

/** The views of the page, with their names for the person. The last is that of a store on several machines. */
export const VIEWS = {
  stream: "Stream",
  processors: "Processors",
  kv: "Keys",
  nodes: "Nodes",
} as const;
export type View = keyof typeof VIEWS;

/**
 * What the page shows, all of it, as the query of its address: reload and back show the same. Each view documents the
 * members that it reads.
 */
export const place = signal(new URLSearchParams(location.search));

/** The view that is shown. */
export const view = computed<View>(() => {
  const name = place.value.get("view");
  return name === "processors" || name === "kv" || name === "nodes" ? name : "stream";
});

addEventListener("popstate", () => {
  place.value = new URLSearchParams(location.search);
});

/** Changes to a place: a member that is undefined or empty is left out. */
export type Changes = Readonly<Record<string, string | undefined>>;

/** The address of the present place with changes, for a link. */
export function hrefOf(changes: Changes, from: URLSearchParams = place.value): string {
  const next = changed(changes, from).toString();
  return next === "" ? "/" : `/?${next}`;
}

/**
 * Goes to another place.
 *
 * @param how `replace` leaves no entry to come back to, as while a person types
 */
export function go(changes: Changes, how: "push" | "replace" = "push"): void {
  const next = changed(changes, place.peek());
  if (next.toString() === place.peek().toString()) return;
  const href = hrefOf({}, next);
  if (how === "push") history.pushState(null, "", href);
  else history.replaceState(null, "", href);
  place.value = next;
}

function changed(changes: Changes, from: URLSearchParams): URLSearchParams {
  const next = new URLSearchParams(from);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === "") next.delete(name);
    else next.set(name, value);
  }
  return next;
}
