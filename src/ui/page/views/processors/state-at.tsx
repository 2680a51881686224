import { useEffect, useState } from "preact/hooks";
import { askInspector, askJson } from "../../lib/ask.ts";
import { dayAndClock } from "../../lib/format.ts";
import { type Frame, type Json, timeOf } from "../../lib/frame.ts";
import { hrefOf } from "../../lib/place.ts";
import { useAsk } from "../../lib/use-ask.ts";
import { JsonTree } from "../../parts/json-tree.tsx";
import { Link } from "../../parts/link.tsx";
import { ProblemNotice } from "../../parts/notice.tsx";
import { Text } from "../../parts/text.tsx";
import { DiffView } from "./diff-view.tsx";
import { hrefOfFrame } from "./places.ts";
import type { Processor } from "./processor.ts";

/** The state around a frame, as `GET /state` of the inspector answers. */
interface StateAround {
  /** Absent where there was none. */
  readonly before?: Json;
  readonly after?: Json;
  /** What the handler wrote for the frame. */
  readonly out?: Json[];
  /** Why it failed there. */
  readonly error?: string;
}

/** The state of a handler before and after a frame: its script runs again, on what it handled up to there. */
export function StateAt({ processor: { name }, id }: { processor: Processor; id: string }) {
  const isId = /^[0-9a-z]{25}$/.test(id);
  const frame = useAsk<Frame>((signal) => askJson(`/${encodeURIComponent(id)}`, signal), [id]);
  const { value, error } = useAsk<StateAround>(
    async (signal) => {
      const query = new URLSearchParams({ name, at: id });
      return (await askInspector(`/state?${query}`, { signal })).json() as Promise<StateAround>;
    },
    [name, id],
  );
  return (
    <section class="state-at" aria-label="State around a frame">
      <div class="state-frame">
        {isId ? (
          <Link href={hrefOfFrame(id)}>
            <span class="mono">
              <Text value={frame.value?.topic ?? "the frame"} />
            </span>{" "}
            of {dayAndClock(timeOf(id))}
          </Link>
        ) : (
          <Text value={id} max={100} />
        )}
        <Link href={hrefOf({ part: "state", at: undefined })} class="chip">
          State now
        </Link>
      </div>
      {error !== undefined && <ProblemNotice error={error} />}
      {error === undefined && !value && <Running />}
      {value && <Around state={value} />}
    </section>
  );
}

function Around({ state: { before, after, out, error } }: { state: StateAround }) {
  return (
    <>
      {error !== undefined && (
        <p class="notice notice-bad">
          It failed there: <Text value={error} kept={"\n\t"} />
        </p>
      )}
      <h3>What changed</h3>
      <DiffView before={lines(before)} after={lines(after)} label="What changed in the state" />
      <div class="state-pair">
        <section>
          <h3>Before</h3>
          <Value value={before} />
        </section>
        <section>
          <h3>After</h3>
          <Value value={after} />
        </section>
      </div>
      <section>
        <h3>What it wrote for it</h3>
        {out === undefined ? <p class="dim">Nothing.</p> : <JsonTree value={out} />}
      </section>
    </>
  );
}

function Value({ value }: { value: Json | undefined }) {
  if (value === undefined) return <p class="dim">None.</p>;
  return <JsonTree value={value} />;
}

/** Says for how long the script runs. */
function Running() {
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setSeconds((before) => before + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  return (
    <p class="dim" role="status">
      The script runs again, without effects, on all that it handled up to this frame
      {seconds > 1 && `: ${seconds} s of a minute at most`}…
    </p>
  );
}

function lines(value: Json | undefined): string {
  return value === undefined ? "" : JSON.stringify(value, undefined, 2);
}
