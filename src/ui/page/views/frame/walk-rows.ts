import type { Related } from "./relations.ts";

/** So many effects of one frame are shown before the person asks for more of them. */
const WIDE = 8;

/** A row of the tree of causes and effects. */
export type WalkRow =
  | {
      readonly kind: "cause" | "self" | "effect";
      readonly id: string;
      /** From 1. */
      readonly level: number;
      /** The member by which the effect names the cause; several of them may. */
      readonly by: string;
      /** What is below it can be folded, and is, or is not. */
      readonly isOpen?: boolean;
    }
  | {
      /** What is left of the effects of one frame. */
      readonly kind: "rest";
      readonly id: string;
      readonly level: number;
      readonly count: number;
    };

/** What the person turned in the tree. */
export interface Turned {
  /** The frames whose effects are folded. */
  readonly folded: ReadonlySet<string>;
  /** The frames all of whose effects are shown. */
  readonly wide: ReadonlySet<string>;
}

/** The frame that is shown, with what is around it. */
export interface Around {
  readonly id: string;
  /** What it names, with the member that does it. */
  readonly names: ReadonlyMap<string, string>;
  /** Nearest first. */
  readonly causes: readonly Related[];
  readonly effects: readonly Related[];
}

/**
 * Lays out a tree that grows as time goes: the farthest causes first, then the frame itself, then its effects, each
 * below the nearest frame that it names.
 */
export function walkRows({ id, names, causes, effects }: Around, turned: Turned): WalkRow[] {
  const rows: WalkRow[] = [];
  const ranks = causeRanks(id, names, causes);
  const deepest = Math.max(0, ...ranks.values());
  const rankOf = (cause: Related) => ranks.get(cause.frame.id) ?? 0;
  const ordered = causes.toSorted(
    (a, b) => rankOf(b) - rankOf(a) || (a.frame.id < b.frame.id ? -1 : 1),
  );
  for (const cause of ordered) {
    const by = new Set(
      [names, ...causes.map((each) => each.names)].map((each) => each.get(cause.frame.id)),
    );
    by.delete(undefined);
    const level = deepest - rankOf(cause) + 1;
    rows.push({ kind: "cause", id: cause.frame.id, level, by: [...by].join(", ") });
  }
  const below = effectsBelow(id, effects);
  const stack: WalkRow[] = [{ kind: "self", id, level: deepest + 1, by: "" }];
  for (let row = stack.pop(); row; row = stack.pop()) {
    const all = row.kind === "rest" ? [] : (below.get(row.id) ?? []);
    const isOpen = !turned.folded.has(row.id);
    rows.push(all.length > 0 ? ({ ...row, isOpen } as WalkRow) : row);
    if (!isOpen) continue;
    const shown = turned.wide.has(row.id) || all.length <= WIDE + 1 ? all : all.slice(0, WIDE);
    const level = row.level + 1;
    const left = all.length - shown.length;
    if (left > 0) stack.push({ kind: "rest", id: row.id, level, count: left });
    for (const { frame, names } of shown.toReversed()) {
      stack.push({ kind: "effect", id: frame.id, level, by: names.get(row.id) ?? "" });
    }
  }
  return rows;
}

/**
 * How far each cause is from the frame, on the longest way: so each comes before all that came of it. Frames may name one
 * another in a circle, as imported ones do: a name that goes back in time does not count.
 */
function causeRanks(
  id: string,
  names: ReadonlyMap<string, string>,
  causes: readonly Related[],
): ReadonlyMap<string, number> {
  const ranks = new Map<string, number>();
  const reach = (named: ReadonlyMap<string, string>, rank: number) => {
    for (const each of named.keys()) ranks.set(each, Math.max(ranks.get(each) ?? 0, rank));
  };
  reach(names, 1);
  const newestFirst = causes.toSorted((a, b) => (a.frame.id < b.frame.id ? 1 : -1));
  for (const { frame, depth, names } of newestFirst) {
    const later = new Map([...names].filter(([each]) => each < frame.id));
    reach(later, (ranks.get(frame.id) ?? depth) + 1);
  }
  const known = new Set(causes.map(({ frame }) => frame.id));
  return new Map([...ranks].filter(([each]) => each !== id && known.has(each)));
}

/** The effects by the nearest frame that each names: of several that are as near, the first. */
function effectsBelow(id: string, effects: readonly Related[]): Map<string, Related[]> {
  const placeOf = new Map(effects.map(({ frame }, at) => [frame.id, at + 1]));
  placeOf.set(id, 0);
  const below = new Map<string, Related[]>();
  for (const [at, effect] of effects.entries()) {
    const nearest = [...effect.names.keys()]
      .filter((name) => (placeOf.get(name) ?? Number.POSITIVE_INFINITY) <= at)
      .sort((a, b) => (placeOf.get(a) ?? 0) - (placeOf.get(b) ?? 0))[0];
    const under = below.get(nearest ?? id);
    if (under) under.push(effect);
    else below.set(nearest ?? id, [effect]);
  }
  return below;
}
