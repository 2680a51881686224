import { useMemo, useState } from "preact/hooks";
import { Problem } from "../../lib/ask.ts";
import { dayAndClock } from "../../lib/format.ts";
import { type Frame, timeOf } from "../../lib/frame.ts";
import { hrefOf, place } from "../../lib/place.ts";
import { useAsk } from "../../lib/use-ask.ts";
import { JsonTree } from "../../parts/json-tree.tsx";
import { Link } from "../../parts/link.tsx";
import { ProblemNotice } from "../../parts/notice.tsx";
import { Text } from "../../parts/text.tsx";
import { hrefOfFrame } from "./places.ts";
import type { Processor } from "./processor.ts";
import { framesDone, mayTake, type Progress, topicsIn, useProgress } from "./progress.ts";
import { readSpawn } from "./spawns.ts";
import { StateAt } from "./state-at.tsx";

/** How many frames are listed at first. */
const PART = 20;

/**
 * The state of a handler: now, or around a frame that it took. In the address: `at`, the id of that frame.
 */
export function StateView({ processor }: { processor: Processor }) {
  const at = place.value.get("at");
  const { progress, error } = useProgress(processor.name);
  return (
    <>
      {at !== null && <StateAt key={at} processor={processor} id={at} />}
      {at === null && error !== undefined && <ProblemNotice error={error} />}
      {at === null && progress !== undefined && <Now progress={progress} />}
      {progress && <Taken processor={processor} progress={progress} at={at} />}
    </>
  );
}

function Now({ progress }: { progress: Progress | null }) {
  if (progress === null) {
    return (
      <p class="notice notice-empty">
        It has not begun: there is a state, or a place, once it has taken a frame.
      </p>
    );
  }
  const { cursor, state } = progress;
  return (
    <>
      <section>
        <h3>State now</h3>
        {state === undefined ? (
          <p class="dim">
            It has none: its script neither declares <code>initial</code> nor has returned{" "}
            <code>next</code>.
          </p>
        ) : (
          <JsonTree text={state} />
        )}
      </section>
      {cursor !== "" && (
        <p class="dim">
          It has done all up to{" "}
          <Link href={hrefOfFrame(cursor)}>{dayAndClock(timeOf(cursor))}</Link>.
        </p>
      )}
    </>
  );
}

interface TakenProps {
  readonly processor: Processor;
  readonly progress: Progress;
  readonly at: string | null;
}

/** The last frames that it took: each leads to the state around it. */
function Taken({ processor, progress: { cursor }, at }: TakenProps) {
  const [limit, setLimit] = useState(PART);
  const { spawn_id } = processor;
  const spawn = useAsk((signal) => readSpawn(spawn_id, signal), [spawn_id]);
  const topics = useMemo(
    () => spawn.value && topicsIn(spawn.value.frame, spawn.value.source),
    [spawn.value],
  );
  const { value, error } = useAsk(
    async (signal) => {
      if (spawn.isLoading) return undefined;
      const load = (of: string | undefined) => framesDone(processor, of, cursor, limit + 1, signal);
      try {
        return await load(topics);
      } catch (problem) {
        // What was found in the script are no patterns.
        if (problem instanceof Problem && problem.code === "bad_topic") return load(undefined);
        throw problem;
      }
    },
    [spawn.isLoading, topics, cursor, limit],
  );
  if (error !== undefined) return <ProblemNotice error={error} />;
  if (!value) return null;
  const frames = value.slice(0, limit).filter((frame) => mayTake(frame, processor));
  return (
    <section>
      <h3>
        {topics === undefined ? "The last frames up to there" : "The last frames that it took"}
      </h3>
      {frames.length === 0 ? (
        <p class="dim">None so far.</p>
      ) : (
        <>
          <p class="dim">Each shows the state before and after it.</p>
          <ul class="taken">
            {frames.map((frame) => (
              <Row key={frame.id} frame={frame} isChosen={frame.id === at} />
            ))}
          </ul>
        </>
      )}
      {value.length > limit && (
        <button type="button" onClick={() => setLimit(limit * 4)}>
          Show more
        </button>
      )}
    </section>
  );
}

function Row({ frame: { id, topic }, isChosen }: { frame: Frame; isChosen: boolean }) {
  return (
    <li>
      <Link href={hrefOf({ part: "state", at: id })} aria-current={isChosen ? "true" : undefined}>
        <span class="mono">
          <Text value={topic} />
        </span>
        <span class="dim">{dayAndClock(timeOf(id))}</span>
      </Link>
    </li>
  );
}
