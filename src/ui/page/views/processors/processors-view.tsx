import { useEffect, useMemo, useState } from "preact/hooks";
import { count, duration } from "../../lib/format.ts";
import { addShortcuts } from "../../lib/keyboard.ts";
import { nearest } from "../../lib/nearest.ts";
import { go, hrefOf, place } from "../../lib/place.ts";
import { Link } from "../../parts/link.tsx";
import { ProblemNotice } from "../../parts/notice.tsx";
import { PaneHead } from "../../parts/pane-head.tsx";
import { Text } from "../../parts/text.tsx";
import { Moment } from "./moment.tsx";
import { NoProcessors } from "./no-processors.tsx";
import { OF_PROCESSOR } from "./places.ts";
import { idOf, isFound, type Processor } from "./processor.ts";
import { ProcessorView } from "./processor-view.tsx";
import { Processors } from "./processors.ts";
import { closeProcessor, rowLinks } from "./row-links.ts";
import { StateTag } from "./state-tag.tsx";

/** How many rows are in the page before the person asks for more. */
const PART = 150;

/**
 * The generators and handlers of the store, live. In the address: `find`, words that select; `processor`, the chosen one
 * as `handler/NAME`; and what `ProcessorView` reads.
 */
export function ProcessorsView() {
  const processors = useMemo(() => new Processors(), []);
  useEffect(() => () => processors.close(), []);
  const [most, setMost] = useState(PART);
  const chosenId = place.value.get("processor");
  const find = place.value.get("find") ?? "";
  const all = processors.shown.value;
  const found = all?.filter((row) => isFound(row, find)) ?? [];
  const rows = found.slice(0, most);
  // Beside the one that runs there may be a replacement that does not load.
  const [chosen, refused] = all?.filter((row) => idOf(row) === chosenId) ?? [];
  useRowKeys();
  return (
    <div class={`split ${chosenId === null ? "" : "has-pane"}`}>
      <section class="ps-list" aria-label="Processors">
        {processors.error.value !== undefined && (
          <ProblemNotice error={processors.error.value} again={() => processors.askSoon()} />
        )}
        {all?.length === 0 && <NoProcessors />}
        {all && all.length > 0 && (
          <>
            <Tools all={all} find={find} />
            {found.length === 0 ? (
              <p class="notice notice-empty">
                None of {count(all.length)} has all of these words.{" "}
                <Link href={hrefOf({ find: undefined })}>Show all</Link>
              </p>
            ) : (
              <Table rows={rows} chosenId={chosenId} />
            )}
            {found.length > most && (
              <button type="button" class="ps-more" onClick={() => setMost(most * 4)}>
                {count(found.length - most)} more
              </button>
            )}
          </>
        )}
      </section>
      {chosen && (
        <ProcessorView
          key={idOf(chosen)}
          processor={chosen}
          refused={refused}
          processors={processors}
        />
      )}
      {chosenId !== null && all && !chosen && <Gone id={chosenId} />}
    </div>
  );
}

/** What selects, and how many there are of each state. */
function Tools({ all, find }: { all: readonly Processor[]; find: string }) {
  const states = new Map<string, number>();
  for (const { state } of all) states.set(state, (states.get(state) ?? 0) + 1);
  return (
    <div class="tools">
      <div class="tools-filter">
        <label>
          <span class="tools-label">Find</span>
          <input
            type="search"
            value={find}
            placeholder="a name, a kind, a state"
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => go({ find: event.currentTarget.value }, "replace")}
          />
        </label>
      </div>
      <div class="ps-states">
        {[...states].map(([state, n]) => (
          <button
            key={state}
            type="button"
            class="quiet"
            aria-pressed={find === state}
            onClick={() => go({ find: find === state ? undefined : state })}
          >
            {count(n)} <StateTag state={state} />
          </button>
        ))}
      </div>
    </div>
  );
}

interface TableProps {
  readonly rows: readonly Processor[];
  readonly chosenId: string | null;
}

function Table({ rows, chosenId }: TableProps) {
  return (
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
            When
          </th>
          <th scope="col" class="number ps-extra">
            Restarts
          </th>
          <th scope="col" class="ps-wide">
            Why
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Row key={row.spawn_id} row={row} isChosen={idOf(row) === chosenId} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ row, isChosen }: { row: Processor; isChosen: boolean }) {
  const { name, state, kind, runtime, behind_ms, restarts, reason, retry, next, ended } = row;
  const why = reason ?? retry?.reason ?? null;
  const when = next ?? retry?.at ?? ended;
  return (
    <tr
      class={isChosen ? "is-chosen" : undefined}
      onClick={(event) => {
        // A wide row is easier to hit than its link.
        if (!event.defaultPrevented) go({ ...OF_PROCESSOR, processor: idOf(row) });
      }}
    >
      <th scope="row">
        <Link
          href={hrefOf({ ...OF_PROCESSOR, processor: idOf(row) })}
          class="mono"
          data-processor={idOf(row)}
          aria-current={isChosen ? "true" : undefined}
        >
          <Text value={name} />
        </Link>
      </th>
      <td>
        <StateTag state={state} />
      </td>
      <td class="ps-extra dim">
        {kind} {runtime !== null && <span>({runtime})</span>}
      </td>
      <td class="number">
        {behind_ms === null ? "" : behind_ms === 0 ? "0" : duration(behind_ms)}
      </td>
      <td class="ps-extra dim">{when !== null && <Moment at={when} />}</td>
      <td class="number ps-extra">{restarts === 0 ? "" : count(restarts)}</td>
      <td class="ps-wide dim">{why !== null && <Text value={why} max={200} />}</td>
    </tr>
  );
}

function Gone({ id }: { id: string }) {
  return (
    <aside class="frame" aria-label="Processor" tabIndex={-1}>
      <PaneHead title={id} closes="Close the processor" close={closeProcessor} />
      <p class="notice notice-empty">
        There is none of this name, or it was removed. Its frames stay in the stream.
      </p>
    </aside>
  );
}

/** Arrow keys move in the list; where a processor is open, the next one opens. */
function useRowKeys(): void {
  useEffect(() => {
    const to = (placeIn: (at: number, all: number) => number) => {
      const all = rowLinks();
      const id = place.peek().get("processor");
      const focused = all.indexOf(document.activeElement as HTMLElement);
      const at = focused < 0 ? all.findIndex(({ dataset }) => dataset.processor === id) : focused;
      const next = nearest(all, placeIn(at, all.length));
      next?.focus();
      if (id !== null && next)
        go({ ...OF_PROCESSOR, processor: next.dataset.processor }, "replace");
    };
    return addShortcuts([
      { keys: ["ArrowDown", "j"], does: "the next processor", run: () => to((at) => at + 1) },
      { keys: ["ArrowUp", "k"], does: "the processor before", run: () => to((at) => at - 1) },
      { keys: ["Home"], does: "the first processor", run: () => to(() => 0) },
      { keys: ["End"], does: "the last processor", run: () => to((_, all) => all - 1) },
      {
        keys: ["/"],
        does: "find",
        run: () => document.querySelector<HTMLElement>(".ps-list input")?.focus(),
      },
      {
        keys: ["Escape"],
        does: "close the processor",
        run: () => place.peek().get("processor") !== null && closeProcessor(),
      },
    ]);
  }, []);
}
