import { useEffect } from "preact/hooks";
import { about } from "../../lib/about.ts";
import { dayAndClock } from "../../lib/format.ts";
import { timeOf } from "../../lib/frame.ts";
import { addShortcuts } from "../../lib/keyboard.ts";
import { go, hrefOf, place } from "../../lib/place.ts";
import { Link } from "../../parts/link.tsx";
import { PaneHead } from "../../parts/pane-head.tsx";
import { Text } from "../../parts/text.tsx";
import { Control } from "./control.tsx";
import { LagChart } from "./lag-chart.tsx";
import { hrefOfFrame } from "./places.ts";
import { idOf, type Processor } from "./processor.ts";
import { ProcessorFacts } from "./processor-facts.tsx";
import { ProcessorLog } from "./processor-log.tsx";
import type { Processors } from "./processors.ts";
import { closeProcessor } from "./row-links.ts";
import { ScriptView } from "./script-view.tsx";
import { StateTag } from "./state-tag.tsx";
import { StateView } from "./state-view.tsx";

const PARTS = { now: "Now", script: "Script", state: "State" } as const;
type Part = keyof typeof PARTS;

/**
 * One processor. In the address: `part`, which is `script` or `state`, else how it is now; with `at`, a frame, it is the
 * state around that.
 */
export function ProcessorView({
  processor,
  refused,
  processors,
}: {
  processor: Processor;
  /** A replacement of it that does not load. */
  refused: Processor | undefined;
  processors: Processors;
}) {
  const { name, kind, state, spawn_id } = processor;
  const lag = processors.lag(idOf(processor));
  const parts: readonly Part[] =
    kind === "handler" ? ["now", "script", "state"] : ["now", "script"];
  const part = partIn(place.value, parts);
  useEffect(() => {
    const step = (by: number) => {
      const at = parts.indexOf(partIn(place.peek(), parts));
      const next = parts[at + by];
      if (next) go(placeOf(next), "replace");
    };
    return addShortcuts([
      { keys: ["ArrowRight", "l"], does: "the next part of the processor", run: () => step(1) },
      { keys: ["ArrowLeft", "h"], does: "the part before", run: () => step(-1) },
    ]);
  }, [kind]);
  return (
    <aside class="frame ps-detail" aria-label="Processor" tabIndex={-1}>
      <PaneHead
        title={name}
        closes="Close the processor"
        close={closeProcessor}
        beside={<StateTag state={state} />}
      >
        <nav class="ps-parts" aria-label="Parts of the processor">
          {parts.map((each) => (
            <Link
              key={each}
              href={hrefOf(placeOf(each))}
              aria-current={each === part ? "page" : undefined}
            >
              {PARTS[each]}
            </Link>
          ))}
        </nav>
      </PaneHead>
      <div class="frame-body">
        {part === "now" && (
          <>
            {about.value?.writes && <Control processor={processor} processors={processors} />}
            {refused && <Refused processor={refused} />}
            <ProcessorFacts processor={processor} />
            {lag.length > 0 && (
              <section>
                <h3>Behind, over time</h3>
                <LagChart lag={lag} />
              </section>
            )}
            <section>
              <h3>Log</h3>
              <ProcessorLog processors={processors} processor={processor} />
            </section>
          </>
        )}
        {part === "script" && <ScriptView key={spawn_id} processor={processor} />}
        {part === "state" && <StateView processor={processor} />}
      </div>
    </aside>
  );
}

function Refused({ processor: { spawn_id, reason } }: { processor: Processor }) {
  return (
    <div class="notice notice-bad">
      <strong>A replacement does not load, so this one goes on</strong>
      <p>
        <Text value={reason ?? ""} kept={"\n\t"} />
      </p>
      <Link href={hrefOfFrame(spawn_id)}>The spawn of {dayAndClock(timeOf(spawn_id))}</Link>
    </div>
  );
}

function partIn(address: URLSearchParams, parts: readonly Part[]): Part {
  const given = address.get("part") ?? (address.get("at") === null ? "now" : "state");
  return parts.find((each) => each === given) ?? "now";
}

function placeOf(part: Part) {
  return { part: part === "now" ? undefined : part, at: undefined };
}
