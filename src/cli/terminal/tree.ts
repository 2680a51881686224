/** A row of a tree. */
export interface TreeRow {
  readonly id: string;
  /** The lines that lead to it: `│  └─ `. */
  readonly branch: string;
  /** It was in a row before: what is below it is there. */
  readonly isRepeat: boolean;
}

/** The most levels whose lines lead to a row; of a deeper row, the last ones. */
const LEVELS = 12;

/**
 * Lays out what is below a root as a tree, each id with what is below it once. It may go in circles, and be as deep as
 * it likes.
 *
 * @param below the ids right below one
 */
export function* treeRows(
  root: string,
  below: (id: string) => readonly string[],
): Generator<TreeRow> {
  const shown = new Set([root]);
  const stack: { id: string; indent: string; isLast: boolean }[] = [];
  const push = (of: string, indent: string) => {
    const ids = below(of);
    for (let at = ids.length - 1; at >= 0; at--) {
      stack.push({ id: ids[at] as string, indent, isLast: at === ids.length - 1 });
    }
  };
  push(root, "");
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { id, indent, isLast } = next;
    const isRepeat = shown.has(id);
    yield { id, branch: `${indent}${isLast ? "└─ " : "├─ "}`, isRepeat };
    if (isRepeat) continue;
    shown.add(id);
    push(id, deeper(`${indent}${isLast ? "   " : "│  "}`));
  }
}

function deeper(indent: string): string {
  return indent.length <= 3 * LEVELS ? indent : `…  ${indent.slice(-3 * (LEVELS - 1))}`;
}
