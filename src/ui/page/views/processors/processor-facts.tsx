import { dayAndClock, duration, plural } from "../../lib/format.ts";
import { timeOf } from "../../lib/frame.ts";
import { Fact } from "../../parts/fact.tsx";
import { Link } from "../../parts/link.tsx";
import { Text } from "../../parts/text.tsx";
import { Moment } from "./moment.tsx";
import { hrefOfFrame } from "./places.ts";
import { exitText, type Processor } from "./processor.ts";

/** How a processor is now. */
export function ProcessorFacts({ processor }: { processor: Processor }) {
  const { kind, runtime, reason, ended, retry, every, tz, next, uptime_ms, pid } = processor;
  const { behind_ms, restarts, last_exit, spawn_id } = processor;
  return (
    <dl class="facts">
      <Fact name="kind">
        {kind}
        {runtime !== null && ` in ${runtime}`}
      </Fact>
      {reason !== null && (
        <Fact name="reason">
          <Text value={reason} kept={"\n\t"} />
        </Fact>
      )}
      {ended !== null && (
        <Fact name="ended">
          <Moment at={ended} />, {dayAndClock(Date.parse(ended))}
        </Fact>
      )}
      {retry !== null && (
        <Fact name="retries">
          the <Link href={hrefOfFrame(retry.frame_id)}>frame</Link> on which it failed{" "}
          {plural(retry.failures, "time")} comes again <Moment at={retry.at} />, at most{" "}
          {plural(retry.retries, "time")}
          {retry.reason !== null && (
            <>
              : <Text value={retry.reason} kept={"\n\t"} />
            </>
          )}
        </Fact>
      )}
      {every !== null && (
        <Fact name="runs">
          {/^\d+[a-z]+$/.test(every) ? "every " : "at "}
          <span class="mono">
            <Text value={every} />
          </span>
          {tz !== null && (
            <>
              {" "}
              <Text value={tz} />
            </>
          )}
          {next !== null && (
            <>
              , next <Moment at={next} />, at {dayAndClock(Date.parse(next)).slice(0, 19)}
            </>
          )}
        </Fact>
      )}
      {behind_ms !== null && (
        <Fact name="behind">{behind_ms === 0 ? "nothing" : duration(behind_ms)}</Fact>
      )}
      {uptime_ms !== null && <Fact name="active">for {duration(uptime_ms)}</Fact>}
      {restarts > 0 && <Fact name="restarts">{plural(restarts, "time")}</Fact>}
      {last_exit !== null && (
        <Fact name="last exit">
          <Text value={exitText(last_exit)} />
        </Fact>
      )}
      {pid !== null && (
        <Fact name="pid" class="mono">
          {pid}
        </Fact>
      )}
      <Fact name="added">
        <Link href={hrefOfFrame(spawn_id)} title="the frame that registered it">
          {dayAndClock(timeOf(spawn_id))}
        </Link>
      </Fact>
    </dl>
  );
}
