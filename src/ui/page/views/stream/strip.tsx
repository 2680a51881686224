import { count } from "../../lib/format.ts";
import { go } from "../../lib/place.ts";
import { Text } from "../../parts/text.tsx";
import type { Selection } from "./selection.ts";
import { showWhen } from "./when.ts";
import { widened } from "./widened.ts";

interface StripProps {
  readonly selection: Selection;
  readonly isFollowing: boolean;
  /** More may come: false where the selection has ended. */
  readonly canFollow: boolean;
  readonly waiting: number;
  readonly toggle: () => void;
  readonly toStart: () => void;
  readonly toEnd: () => void;
  /** Goes to the chosen frame; undefined where it is among the rows, or none is chosen. */
  readonly find: (() => void) | undefined;
}

/** Says which time the stream shows, and goes to its ends. */
export function Strip(props: StripProps) {
  const { selection, isFollowing, canFollow, waiting, toggle, toStart, toEnd, find } = props;
  const { since, until } = selection;
  return (
    <div class="strip">
      {(since !== "" || until !== "") && <Range since={since} until={until} />}
      <span class="strip-rest" />
      {/* Said once, however many come. */}
      <span class="unseen" role="status">
        {waiting > 0 && !isFollowing ? "New events wait." : ""}
      </span>
      {find && (
        <button type="button" class="quiet" onClick={find}>
          Find the frame
        </button>
      )}
      <button type="button" class="quiet" onClick={toStart} title="Home">
        Oldest
      </button>
      {canFollow ? (
        <button
          type="button"
          class={isFollowing ? "strip-live is-live" : "strip-live"}
          onClick={toggle}
          title="Space"
        >
          {isFollowing ? "Pause" : "Go live"}
          {waiting > 0 && !isFollowing && <span class="badge">{count(waiting)} new</span>}
        </button>
      ) : (
        <button type="button" class="quiet" onClick={toEnd} title="End">
          Newest
        </button>
      )}
    </div>
  );
}

/** The selected time, and the ways to a wider one. */
function Range({ since, until }: { since: string; until: string }) {
  return (
    <>
      <span class="strip-range">
        <Text value={`${showWhen(since) || "begin"} – ${showWhen(until) || "now"}`} />
      </span>
      <button type="button" class="quiet" onClick={() => go(widened(since, until))}>
        Wider
      </button>
      <button
        type="button"
        class="quiet"
        onClick={() => go({ since: undefined, until: undefined, at: undefined })}
      >
        All time
      </button>
    </>
  );
}
