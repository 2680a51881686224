import { useMemo, useState } from "preact/hooks";
import { count, plural } from "../../lib/format.ts";
import { ScrollBox } from "../../parts/scroll-box.tsx";
import { Text } from "../../parts/text.tsx";
import { type DiffLine, diffLines, shortened } from "./diff.ts";

/** How many lines are shown before the person asks for all. */
const PART = 400;
const SIGNS = { same: " ", old: "−", new: "+" } as const;

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
  const lines = useMemo(() => {
    // The last line has an end in both: there is no line after it.
    const isEnded = before.endsWith("\n") && after.endsWith("\n");
    return isEnded ? diffLines(before.slice(0, -1), after.slice(0, -1)) : diffLines(before, after);
  }, [before, after]);
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
      <ScrollBox class="diff" label={label}>
        {parts.map((part, at) =>
          "left" in part ? (
            <div key={at} class="diff-left">
              {plural(part.left, "line")} as before
            </div>
          ) : (
            part.lines.map((line, n) => <Line key={`${at}/${n}`} line={line} />)
          ),
        )}
      </ScrollBox>
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
      <span>
        {SIGNS[kind]}
        {kind !== "same" && <span class="unseen">{kind === "new" ? "added" : "removed"}</span>}
      </span>
      <Text value={text} max={2000} kept={"\t"} />
    </div>
  );
}
