import { useEffect, useState } from "preact/hooks";
import { pause } from "../../../../lib/pause.ts";
import { isAbort, isPassing } from "../../lib/ask.ts";
import { plural, size as sizeText } from "../../lib/format.ts";
import type { Frame } from "../../lib/frame.ts";
import { heard } from "../../lib/heard.ts";
import { BytesView, isShownWhole, type Read } from "../../parts/bytes-view.tsx";
import { ProblemNotice } from "../../parts/notice.tsx";
import { Command, contentCommand } from "./commands.tsx";
import { PartsReader } from "./parts-reader.ts";

/** How much of such a content the page reads, in bytes: of one that is shown only as a whole, more. */
const MAX = 4 * 1024 * 1024;
const MAX_WHOLE = 32 * 1024 * 1024;
/** What grows is asked for again when the page heard of frames, but not more often than this, and now and then, in ms. */
const SOON_MS = 300;
const LATER_MS = 2000;

interface State {
  readonly read: Read;
  readonly parts: number;
  readonly end: "open" | "whole" | "aborted";
}

/** A content that came, or comes, in parts, shown as it grows. @param frame its first part */
export function PartsContent({ frame }: { frame: Frame }) {
  const [state, setState] = useState<State>();
  const [error, setError] = useState<unknown>();
  const [limit, setLimit] = useState(MAX);
  useEffect(() => {
    const ending = new AbortController();
    const { signal } = ending;
    const reader = new PartsReader(frame);
    const run = async () => {
      let most = limit;
      while (!signal.aborted) {
        let isAtEnd = true;
        try {
          isAtEnd = await reader.next(most, signal);
        } catch (problem) {
          // The page comes back to a server that does.
          if (!isPassing(problem)) throw problem;
          setError(problem);
          await more(signal);
          continue;
        }
        const { bytes, parts, end } = reader;
        const read = { bytes, size: bytes.length, isGrowing: end === "open" };
        if (isShownWhole(read)) most = MAX_WHOLE;
        setState({ read, parts, end });
        setError(undefined);
        if (end !== "open" || bytes.length >= most) return;
        if (isAtEnd) await more(signal);
      }
    };
    run().catch((problem) => {
      if (!isAbort(problem) && !signal.aborted) setError(problem);
    });
    return () => ending.abort();
  }, [frame.id, limit]);
  const isCut = state?.end === "open" && state.read.bytes.length >= limit;
  return (
    <div class="content">
      {error !== undefined && <ProblemNotice error={error} />}
      {state && <BytesView read={state.read} />}
      <p class="dim" role="status">
        {state ? told(state, isCut) : error === undefined && "reading…"}
      </p>
      {isCut && (
        <div class="content-rest">
          {limit < MAX_WHOLE && (
            <button type="button" onClick={() => setLimit(MAX_WHOLE)}>
              Read more
            </button>
          )}
          <Command command={contentCommand(frame.id)} />
        </div>
      )}
    </div>
  );
}

function told({ parts, end, read }: State, isCut: boolean): string {
  const came = plural(parts, "part");
  if (isCut) return `The first ${came}, ${sizeText(read.size)}, are here.`;
  if (end === "whole") return `It came in ${came}.`;
  if (end === "aborted") {
    return `It came in ${came}, and broke off: its sender stopped before it was complete.`;
  }
  return `${came} so far: it grows.`;
}

/** Waits until there may be more. */
async function more(signal: AbortSignal): Promise<void> {
  const before = heard.peek();
  const latest = Date.now() + (document.hidden ? LATER_MS * 5 : LATER_MS);
  do await pause(SOON_MS, signal);
  while (!signal.aborted && heard.peek() === before && Date.now() < latest);
}
