/** A line of a comparison: in both texts, in the old one alone, or in the new one alone. */
export interface DiffLine {
  readonly kind: "same" | "old" | "new";
  readonly text: string;
}

/** The most lines that may differ: the search takes the square of them. Beyond, all differ. */
const MAX_EDITS = 1500;

/**
 * Compares two texts by lines: the shortest way from the old to the new one, as E. W. Myers finds it ("An O(ND)
 * Difference Algorithm", 1986). The old lines of a change come before its new ones.
 */
export function diffLines(before: string, after: string): DiffLine[] {
  const [a, b] = [before.split("\n"), after.split("\n")];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let [endA, endB] = [a.length, b.length];
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) {
    endA--;
    endB--;
  }
  return [
    ...linesAs("same", a.slice(0, start)),
    ...oldFirst(middle(a.slice(start, endA), b.slice(start, endB))),
    ...linesAs("same", a.slice(endA)),
  ];
}

function middle(a: readonly string[], b: readonly string[]): DiffLine[] {
  const trace = waysBetween(a, b);
  if (!trace) return [...linesAs("old", a), ...linesAs("new", b)];
  const lines: DiffLine[] = [];
  let [x, y] = [a.length, b.length];
  for (let edits = trace.length - 1; edits >= 0; edits--) {
    const { at, x: reached } = previous(trace[edits] as Reached, edits, x - y);
    const [beforeX, beforeY] = edits === 0 ? [0, 0] : [reached, reached - at];
    while (x > beforeX && y > beforeY) {
      lines.push({ kind: "same", text: a[--x] ?? "" });
      y--;
    }
    if (edits === 0) break;
    if (x === beforeX) lines.push({ kind: "new", text: b[--y] ?? "" });
    else lines.push({ kind: "old", text: a[--x] ?? "" });
  }
  return lines.reverse();
}

/** By its diagonal, plus the most edits: how far in the old text one comes. */
type Reached = Int32Array;

/** How far each number of edits leads, before it; undefined where too many are needed. */
function waysBetween(a: readonly string[], b: readonly string[]): Reached[] | undefined {
  const trace: Reached[] = [];
  const most = Math.min(a.length + b.length, MAX_EDITS);
  let reached: Reached = new Int32Array(3);
  for (let edits = 0; edits <= most; edits++) {
    trace.push(reached);
    const next = new Int32Array(2 * edits + 5);
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      const { x: from, isNew } = previous(reached, edits, diagonal);
      let x = isNew ? from : from + 1;
      if (edits === 0) x = 0;
      while (x < a.length && x - diagonal < b.length && a[x] === b[x - diagonal]) x++;
      next[diagonal + edits + 2] = x;
      if (x >= a.length && x - diagonal >= b.length) return trace;
    }
    reached = next;
  }
  return undefined;
}

/** Where the last edit before a diagonal comes from, and whether it is a new line. */
function previous(reached: Reached, edits: number, diagonal: number) {
  const on = (other: number) => reached[other + edits + 1] ?? 0;
  const isNew = diagonal === -edits || (diagonal !== edits && on(diagonal - 1) < on(diagonal + 1));
  const at = isNew ? diagonal + 1 : diagonal - 1;
  return { at, x: on(at), isNew };
}

function linesAs(kind: DiffLine["kind"], texts: readonly string[]): DiffLine[] {
  return texts.map((text) => ({ kind, text }));
}

function oldFirst(lines: readonly DiffLine[]): DiffLine[] {
  const sorted: DiffLine[] = [];
  let waiting: DiffLine[] = [];
  for (const line of lines) {
    if (line.kind === "new") waiting.push(line);
    else {
      if (line.kind === "same") {
        sorted.push(...waiting);
        waiting = [];
      }
      sorted.push(line);
    }
  }
  return [...sorted, ...waiting];
}

/** A part of a comparison: lines around changes, or how many the same lines were left out. */
export type DiffPart = { readonly lines: readonly DiffLine[] } | { readonly left: number };

/** Leaves out the same lines that are far from every change. @param around how many stay beside a change */
export function shortened(lines: readonly DiffLine[], around = 3): DiffPart[] {
  const near = new Uint8Array(lines.length);
  lines.forEach(({ kind }, at) => {
    if (kind !== "same") near.fill(1, Math.max(0, at - around), at + around + 1);
  });
  const parts: DiffPart[] = [];
  for (let at = 0; at < lines.length; ) {
    let end = at;
    while (end < lines.length && near[end] === near[at]) end++;
    parts.push(near[at] ? { lines: lines.slice(at, end) } : { left: end - at });
    at = end;
  }
  return parts;
}
