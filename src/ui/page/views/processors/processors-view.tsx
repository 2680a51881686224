import { useEffect, useMemo } from "preact/hooks";
import { duration } from "../../lib/format.ts";
import { addShortcuts } from "../../lib/keyboard.ts";
import { go, hrefOf, place } from "../../lib/place.ts";
import { Link } from "../../parts/link.tsx";
import { EmptyNotice, ProblemNotice } from "../../parts/notice.tsx";
import { Text } from "../../parts/text.tsx";
import { idOf, type Processor, Processors } from "./processor.ts";
import { ProcessorView } from "./processor-view.tsx";
import { StateTag } from "./state-tag.tsx";

/** The generators and handlers of the store, live. In the address: `processor`, the chosen one as `handler/NAME`. */
export function ProcessorsView() {
  const processors = useMemo(() => new Processors(), []);
  useEffect(() => () => processors.close(), []);
  const chosenId = place.value.get("processor");
  const rows = processors.shown.value;
  const chosen = rows?.find((row) => idOf(row) === chosenId);
  const step = (by: number) => {
    const all = processors.shown.peek() ?? [];
    const at = all.findIndex((row) => idOf(row) === place.peek().get("processor"));
    const next = all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)];
    if (next) go({ processor: idOf(next) }, at < 0 ? "push" : "replace");
  };
  useEffect(
    () =>
      addShortcuts([
        { keys: ["ArrowDown", "j"], does: "the next processor", run: () => step(1) },
        { keys: ["ArrowUp", "k"], does: "the processor before", run: () => step(-1) },
        {
          keys: ["Escape"],
          does: "close the processor",
          run: () => go({ processor: undefined }),
        },
      ]),
    [],
  );
  return (
    <div class={`ps-page ${chosenId === null ? "" : "has-processor"}`}>
      <section class="ps-list" aria-label="Processors">
        {processors.error.value !== undefined && <ProblemNotice error={processors.error.value} />}
        {rows?.length === 0 && (
          <EmptyNotice title="Nothing runs on this stream">
            <p>
              Let something happen: <code>xs on note 'notify-send "$XS_TEXT"'</code>
            </p>
          </EmptyNotice>
        )}
        {rows && rows.length > 0 && (
          <table class="ps">
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">State</th>
                <th scope="col" class="ps-extra">
                  Kind
                </th>
                <th scope="col" class="number">
                  Behind
                </th>
                <th scope="col" class="ps-extra">
                  Next run
                </th>
                <th scope="col" class="number ps-extra">
                  Restarts
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <Row key={idOf(row)} row={row} isChosen={idOf(row) === chosenId} />
              ))}
            </tbody>
          </table>
        )}
      </section>
      {chosen && (
        <ProcessorView key={idOf(chosen)} processor={chosen} lag={processors.lag(idOf(chosen))} />
      )}
    </div>
  );
}

function Row({ row, isChosen }: { row: Processor; isChosen: boolean }) {
  return (
    <tr class={isChosen ? "is-chosen" : undefined}>
      <th scope="row">
        <Link
          href={hrefOf({ processor: idOf(row) })}
          class="mono"
          aria-current={isChosen ? "true" : undefined}
        >
          <Text value={row.name} />
        </Link>
      </th>
      <td>
        <StateTag state={row.state} />
      </td>
      <td class="ps-extra dim">
        {row.kind} {row.runtime !== null && <span>({row.runtime})</span>}
      </td>
      <td class="number">{row.behind_ms === null ? "" : duration(row.behind_ms)}</td>
      <td class="ps-extra dim">{row.next !== null && <NextRun at={row.next} />}</td>
      <td class="number ps-extra">{row.restarts === 0 ? "" : row.restarts}</td>
    </tr>
  );
}

function NextRun({ at }: { at: string }) {
  const ms = Date.parse(at) - Date.now();
  return (
    <time dateTime={at} title={at}>
      {ms > 0 ? `in ${duration(ms)}` : "now"}
    </time>
  );
}
