import { useMemo, useState } from "preact/hooks";
import { count, plural } from "../../lib/format.ts";
import { Text } from "../../parts/text.tsx";
import { type DiffLine, diffLines, shortened } from "./diff.ts";

/** How many lines are shown before the person asks for all. */
const PART = 400;
const SIGNS = { same: " ", old: "−", new: "+" } as const;
const NAMES = { same: undefined, old: "removed", new: "added" } as const;

/** What differs between two texts. @param label what is compared, for those who do not see it */
export function DiffView({
  before,
  after,
  label,
}: {
  before: string;
  after: string;
  label: string;
}) {
  const [most, setMost] = useState(PART);
  const lines = useMemo(() => diffLines(before, after), [before, after]);
  const added = lines.filter(({ kind }) => kind === "new").length;
  const removed = lines.filter(({ kind }) => kind === "old").length;
  if (added + removed === 0) return <p class="dim">Nothing differs.</p>;
  let left = most;
  const parts = shortened(lines).map((part) => {
    if ("left" in part) return part;
    const shown = part.lines.slice(0, left);
    left -= shown.length;
    return { lines: shown };
  });
  return (
    <div>
      <p class="dim">
        {plural(added, "line")} added, {count(removed)} removed
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
      <div class="diff" role="region" aria-label={label} tabIndex={0}>
        {parts.map((part, at) =>
          "left" in part ? (
            <div key={at} class="diff-left">
              {plural(part.left, "line")} as before
            </div>
          ) : (
            part.lines.map((line, n) => <Line key={`${at}/${n}`} line={line} />)
          ),
        )}
      </div>
      {left <= 0 && (
        <button type="button" onClick={() => setMost(most * 10)}>
          Show more
        </button>
      )}
    </div>
  );
}

function Line({ line: { kind, text } }: { line: DiffLine }) {
  return (
    <div class={`diff-line diff-${kind}`}>
      <span aria-label={NAMES[kind]} role={NAMES[kind] && "img"}>
        {SIGNS[kind]}
      </span>
      <Text value={text} max={2000} kept={"\t"} />
    </div>
  );
}
