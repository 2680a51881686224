import type { NodesTable } from "../../../../core/node-status.ts";
import { askInspector } from "../../lib/ask.ts";
import { heard } from "../../lib/heard.ts";
import { useRefreshed } from "../../lib/use-refreshed.ts";
import { ProblemNotice } from "../../parts/notice.tsx";
import { Text } from "../../parts/text.tsx";

const POLL_MS = 2000;

/** The nodes of a store on several machines, asked for again and again. It reads nothing in the address. */
export function NodesView() {
  const { value, error } = useRefreshed(
    async (signal) => {
      // No frame tells of a node: it is time again when it was.
      heard.value++;
      return (await (await askInspector("/nodes", { signal })).json()) as NodesTable;
    },
    POLL_MS,
    [],
  );
  return (
    <div class="ps-list">
      {error !== undefined && <ProblemNotice error={error} />}
      <table class="ps">
        {value?.rows.map((row, at) => (
          <tr key={at}>
            {row.map((cell, n) => {
              const Cell = at * n === 0 ? "th" : "td";
              return (
                <Cell key={n}>
                  <Text value={cell} />
                </Cell>
              );
            })}
          </tr>
        ))}
      </table>
      <p class="tools">{value?.journal}</p>
    </div>
  );
}
