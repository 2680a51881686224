import { useEffect, useState } from "preact/hooks";
import { ask } from "../../lib/ask.ts";
import { clock } from "../../lib/format.ts";
import { type Frame, isOfRuntime, timeOf } from "../../lib/frame.ts";
import { jsonLines } from "../../lib/lines.ts";
import { follow } from "../../lib/live.ts";
import { go, place } from "../../lib/place.ts";
import { useAsk } from "../../lib/use-ask.ts";
import { ProblemNotice } from "../../parts/notice.tsx";
import { Text } from "../../parts/text.tsx";
import { FrameView } from "../frame/frame-view.tsx";
import { Topics } from "../topics/topics.tsx";

/**
 * The topics and the stream, and beside it the frame that is chosen. In the address: `topic`, a pattern; `frame`, the
 * id of the chosen one.
 */
export function StreamView() {
  const [live, setLive] = useState<Frame[]>([]);
  const { value: frames = [], error } = useAsk<Frame[]>(
    async (signal) => jsonLines(await ask("/?last=100", { signal })),
    [],
  );
  useEffect(
    () =>
      follow({
        path: "/?tail=true",
        resume: () => "/?tail=true",
        take: (lines) => {
          const come = lines.map((line) => JSON.parse(line) as Frame);
          setLive((before) => [...before, ...come.filter((frame) => !isOfRuntime(frame))]);
        },
      }),
    [],
  );
  const chosen = place.value.get("frame");
  return (
    <div class={`stream-page ${chosen ? "has-frame" : ""}`}>
      <Topics />
      <section class="stream" aria-label="Stream">
        {error !== undefined && <ProblemNotice error={error} />}
        {[...frames, ...live].map((frame) => (
          <button type="button" class="row" key={frame.id} onClick={() => go({ frame: frame.id })}>
            <time>{clock(timeOf(frame.id))}</time>
            <Text value={frame.topic} />
          </button>
        ))}
      </section>
      {chosen && <FrameView id={chosen} />}
    </div>
  );
}
