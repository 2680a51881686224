import { useEffect, useMemo } from "preact/hooks";
import type { Frame } from "../../lib/frame.ts";
import { VirtualRows } from "../../parts/virtual-rows.tsx";
import { FrameRow } from "./frame-row.tsx";
import type { FrameWindow } from "./frame-window.ts";
import { Previews } from "./previews.ts";

/** How near to an end of the window more frames are brought, in rows. */
const NEAR = 60;

interface FrameListProps {
  readonly window: FrameWindow;
  /** The id of the chosen frame. */
  readonly chosen: string | undefined;
  readonly choose: (frame: Frame) => void;
  /** The end stays visible while frames come. */
  readonly sticks: boolean;
  /** The person went away from the end, or came back to it. */
  readonly onEnd: (isAtEnd: boolean) => void;
}

/** The rows of a stream. */
export function FrameList({ window, chosen, choose, sticks, onEnd }: FrameListProps) {
  const previews = useMemo(() => new Previews(), []);
  useEffect(() => () => previews.close(), []);
  const { frames, base, atEnd } = window.shown.value;
  // Rows show what arrived.
  void previews.arrived.value;
  return (
    <VirtualRows
      label="Frames"
      count={frames.length}
      base={base}
      sticks={sticks && atEnd}
      chosen={frames.findIndex(({ id }) => id === chosen)}
      chosenId={chosen && `frame-${chosen}`}
      isBusy={window.isLoading.value}
      onEnd={onEnd}
      onRange={(first, last) => {
        const visible = frames.slice(first, last);
        previews.want(visible.filter(({ hash }) => hash !== null).map(({ id }) => id));
        if (first < NEAR) void window.older();
        if (last > frames.length - NEAR) void window.newer();
      }}
      row={(at) => {
        const frame = frames[at];
        return (
          frame && (
            <FrameRow
              key={frame.id}
              frame={frame}
              before={frames[at - 1]}
              preview={previews.get(frame.id)}
              isChosen={frame.id === chosen}
              choose={choose}
            />
          )
        );
      }}
    />
  );
}
