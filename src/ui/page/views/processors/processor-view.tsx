import { dayAndClock, duration } from "../../lib/format.ts";
import { go, hrefOf } from "../../lib/place.ts";
import { Link } from "../../parts/link.tsx";
import { Text } from "../../parts/text.tsx";
import { LagChart } from "./lag-chart.tsx";
import type { Lag, Processor } from "./processor.ts";
import { ProcessorLog } from "./processor-log.tsx";
import { StateTag } from "./state-tag.tsx";

/** One processor: how it is, how far it is behind, what it wrote on stderr, and its script. */
export function ProcessorView({ processor, lag }: { processor: Processor; lag: Lag }) {
  const { kind, name, state, spawn_id, reason, ended, pid, uptime_ms, every, next, retry } =
    processor;
  return (
    <aside class="frame" aria-label="Processor">
      <header class="frame-head">
        <h2>
          <Text value={name} />
        </h2>
        <StateTag state={state} />
        <button
          type="button"
          class="quiet"
          aria-label="Close the processor"
          onClick={() => go({ processor: undefined })}
        >
          ×
        </button>
      </header>
      <div class="frame-body">
        <dl class="facts">
          <dt>kind</dt>
          <dd>
            {kind}, {processor.runtime ?? "of an unknown runtime"}
          </dd>
          {reason !== null && (
            <>
              <dt>reason</dt>
              <dd>
                <Text value={reason} />
              </dd>
            </>
          )}
          {ended !== null && (
            <>
              <dt>ended</dt>
              <dd>{dayAndClock(Date.parse(ended))}</dd>
            </>
          )}
          {retry !== null && (
            <>
              <dt>retries</dt>
              <dd>
                <Link
                  href={hrefOf({ view: undefined, processor: undefined, frame: retry.frame_id })}
                >
                  the frame
                </Link>{" "}
                on which it failed {retry.failures} times, at {dayAndClock(Date.parse(retry.at))}
              </dd>
            </>
          )}
          {every !== null && (
            <>
              <dt>runs</dt>
              <dd>
                every <Text value={every} />
                {next !== null && `, next at ${dayAndClock(Date.parse(next))}`}
              </dd>
            </>
          )}
          {uptime_ms !== null && (
            <>
              <dt>active</dt>
              <dd>for {duration(uptime_ms)}</dd>
            </>
          )}
          {pid !== null && (
            <>
              <dt>pid</dt>
              <dd class="mono">{pid}</dd>
            </>
          )}
          <dt>spawn</dt>
          <dd class="mono">
            <Link
              href={hrefOf({ view: undefined, processor: undefined, frame: spawn_id })}
              title="the frame that registered it"
            >
              {spawn_id}
            </Link>
          </dd>
        </dl>
        {lag.length > 0 && (
          <section>
            <h3>Behind, over time</h3>
            <LagChart lag={lag} />
          </section>
        )}
        <section>
          <h3>Log</h3>
          <ProcessorLog processor={processor} />
        </section>
      </div>
    </aside>
  );
}
