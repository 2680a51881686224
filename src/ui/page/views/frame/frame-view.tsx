import { useState } from "preact/hooks";
import { about } from "../../lib/about.ts";
import { Problem } from "../../lib/ask.ts";
import { go } from "../../lib/place.ts";
import { useAsk } from "../../lib/use-ask.ts";
import { JsonTree } from "../../parts/json-tree.tsx";
import { EmptyNotice, ProblemNotice } from "../../parts/notice.tsx";
import { PaneHead } from "../../parts/pane-head.tsx";
import { Commands } from "./commands.tsx";
import { Content } from "./content.tsx";
import { Facts } from "./facts.tsx";
import { type FrameLine, readFrame } from "./frame-line.ts";
import { Neighbours } from "./neighbours.tsx";
import { RemoveFrame } from "./remove-frame.tsx";
import { Walk } from "./walk.tsx";

/**
 * One frame, whole: its content, its meta, what it came of, and what came of it. In the address: `frame`, its id;
 * `neighbours` and `as`, see {@link Neighbours} and `BytesView`.
 */
export function FrameView({ id }: { id: string }) {
  const [removed, setRemoved] = useState<string>();
  const { value, error } = useAsk((signal) => readFrame(id, signal), [id]);
  // The one before stays until this one is here.
  const isGone = removed === id || (error instanceof Problem && error.status === 404);
  const topic = value?.frame.topic;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
    <aside class="frame" aria-label="Frame" tabIndex={0}>
      <PaneHead
        title={topic ?? id}
        closes="Close the frame"
        close={() => go({ frame: undefined, as: undefined })}
      >
        <Neighbours id={id} topic={topic} />
      </PaneHead>
      {isGone ? (
        <EmptyNotice
          title={removed === id ? "The frame is removed" : "There is no frame with this id"}
        >
          <p>
            {removed !== id &&
              "It was removed, its time was over, it was ephemeral (not stored), or it never was here. "}
            The arrows above go to the frames that were beside it.
          </p>
        </EmptyNotice>
      ) : error !== undefined ? (
        <ProblemNotice error={error} />
      ) : (
        value && <Body key={value.frame.id} line={value} removed={() => setRemoved(id)} />
      )}
    </aside>
  );
}

function Body({ line: { frame, names }, removed }: { line: FrameLine; removed: () => void }) {
  const { metaText } = frame;
  return (
    <div class="frame-body">
      <Facts frame={frame} />
      <section>
        <h3>Content</h3>
        <Content frame={frame} />
      </section>
      <section>
        <h3>Meta</h3>
        {metaText === undefined ? <p class="dim">none</p> : <JsonTree text={metaText} />}
      </section>
      <section>
        <h3>Causes and effects</h3>
        <Walk frame={frame} names={names} />
      </section>
      <section>
        <h3>In a terminal</h3>
        <Commands frame={frame} />
      </section>
      {about.value?.writes && <RemoveFrame id={frame.id} removed={removed} />}
    </div>
  );
}
