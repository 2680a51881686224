import { place } from "../../lib/place.ts";
import { FrameView } from "../frame/frame-view.tsx";
import { Topics } from "../topics/topics.tsx";
import { Stream } from "./stream.tsx";

/**
 * The topics and the stream, and beside it the frame that is chosen. In the address: `topic`, a pattern; `since` and
 * `until`, bounds in time; `runtime=show`, the runtime's frames; `at`, the time to which the person went; `frame`, the
 * id of the chosen frame.
 */
export function StreamView() {
  const now = place.value;
  const chosen = now.get("frame") ?? undefined;
  const selection = {
    topic: now.get("topic") ?? "",
    since: now.get("since") ?? "",
    until: now.get("until") ?? "",
    runtime: now.get("runtime") === "show",
  };
  return (
    <div class={`stream-page ${chosen ? "has-frame" : ""}`}>
      <Topics chosen={selection.topic} />
      <Stream key={JSON.stringify(selection)} selection={selection} chosen={chosen} />
      {chosen && <FrameView id={chosen} />}
    </div>
  );
}
