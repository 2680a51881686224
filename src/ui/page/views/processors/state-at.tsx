import { memberText } from "../../../../core/json.ts";
import { askInspector, askJson } from "../../lib/ask.ts";
import { dayAndClock } from "../../lib/format.ts";
import { type Frame, timeOf } from "../../lib/frame.ts";
import { hrefOf } from "../../lib/place.ts";
import { useAsk } from "../../lib/use-ask.ts";
import { useRounds } from "../../lib/use-rounds.ts";
import { JsonTree } from "../../parts/json-tree.tsx";
import { Link } from "../../parts/link.tsx";
import { ProblemNotice } from "../../parts/notice.tsx";
import { Text } from "../../parts/text.tsx";
import { DiffView } from "./diff-view.tsx";
import { hrefOfFrame } from "./places.ts";
import { prettyJson } from "./pretty-json.ts";
import type { Processor } from "./processor.ts";

/** The state around a frame, as `GET /state` of the inspector answers. */
interface StateAround {
  /** As JSON text; undefined where there was none. */
  readonly before: string | undefined;
  readonly after: string | undefined;
  /** What the handler wrote for the frame, as JSON text. */
  readonly out: string | undefined;
  /** Why it failed there. */
  readonly error: string | undefined;
}

/** The state of a handler before and after a frame: its script runs again, on what it handled up to there. */
export function StateAt({ processor: { name }, id }: { processor: Processor; id: string }) {
  const isId = /^[0-9a-z]{25}$/.test(id);
  const frame = useAsk<Frame>((signal) => askJson(`/${encodeURIComponent(id)}`, signal), [id]);
  const { value, error } = useAsk<StateAround>(
    async (signal) => {
      const query = new URLSearchParams({ name, at: id });
      return aroundIn(await (await askInspector(`/state?${query}`, { signal })).text());
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
        <Link href={hrefOf({ part: "state", at: undefined })} class="ps-chip">
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
        {out === undefined ? <p class="dim">Nothing.</p> : <JsonTree text={out} />}
      </section>
    </>
  );
}

function Value({ value }: { value: string | undefined }) {
  if (value === undefined) return <p class="dim">None.</p>;
  return <JsonTree text={value} />;
}

/** Says for how long the script runs. */
function Running() {
  const seconds = useRounds(1000);
  return (
    <p class="dim" role="status">
      The script runs again, without effects, on all that it handled up to this frame
      {seconds > 1 && `: ${seconds} s of a minute at most`}…
    </p>
  );
}

function lines(value: string | undefined): string {
  return value === undefined ? "" : prettyJson(value);
}

function aroundIn(text: string): StateAround {
  const error = memberText(text, "error");
  return {
    before: memberText(text, "before"),
    after: memberText(text, "after"),
    out: memberText(text, "out"),
    error: error && (JSON.parse(error) as string),
  };
}
