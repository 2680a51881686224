import { ask } from "../../lib/ask.ts";
import type { Frame } from "../../lib/frame.ts";
import { useAsk } from "../../lib/use-ask.ts";
import { ProblemNotice } from "../../parts/notice.tsx";
import { Text } from "../../parts/text.tsx";

/** One frame, whole. @param id of the frame, from `frame` in the address */
export function FrameView({ id }: { id: string }) {
  const { value: frame, error } = useAsk<Frame>(
    async (signal) => (await (await ask(`/${id}`, { signal })).json()) as Frame,
    [id],
  );
  return (
    <aside class="frame" aria-label="Frame">
      {error !== undefined && <ProblemNotice error={error} />}
      {frame && (
        <h2>
          <Text value={frame.topic} />
        </h2>
      )}
    </aside>
  );
}
