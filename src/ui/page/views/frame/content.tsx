import { useRef, useState } from "preact/hooks";
import { chunkIn } from "../../../../core/chunk.ts";
import { size as sizeText } from "../../lib/format.ts";
import type { Frame } from "../../lib/frame.ts";
import { hrefOf } from "../../lib/place.ts";
import { useAsk } from "../../lib/use-ask.ts";
import { BytesView, isShownWhole, type Read } from "../../parts/bytes-view.tsx";
import { Link } from "../../parts/link.tsx";
import { ProblemNotice } from "../../parts/notice.tsx";
import { Command, contentCommand } from "./commands.tsx";
import { PartsContent } from "./parts-content.tsx";
import { readStored } from "./stored-content.ts";

/** How much of a content the page reads: at first, then each time that the person asks for more, in bytes. */
const STEPS = [256 * 1024, 4 * 1024 * 1024, 16 * 1024 * 1024];
/** What is shown only as a whole is read at once up to this, and where the person asks up to the other. */
const WHOLE = 8 * 1024 * 1024;
const MAX_WHOLE = 64 * 1024 * 1024;

/** The content of a frame, or its first part. */
export function Content({ frame }: { frame: Frame }) {
  const chunk = chunkIn(frame.meta);
  if (chunk?.of === null) return <PartsContent frame={frame} />;
  return (
    <>
      {chunk && (
        <p class="dim">
          {chunk.more
            ? `Part ${chunk.index + 1} of a content that came in parts.`
            : `Here a content ends that came in parts${chunk.aborted ? ": its sender stopped before it was complete" : ""}.`}{" "}
          <Link href={hrefOf({ frame: chunk.of ?? undefined })}>All of it</Link>
        </p>
      )}
      {frame.hash !== null && <Stored frame={frame} />}
      {frame.hash === null && !chunk && <p class="dim">none</p>}
    </>
  );
}

function Stored({ frame: { id } }: { frame: Frame }) {
  const [limit, setLimit] = useState(STEPS[0] ?? 0);
  const before = useRef<Read | undefined>(undefined);
  const { value, error, isLoading } = useAsk(
    async (signal) => {
      let read = await readStored(id, limit, before.current, signal);
      if (read.size <= WHOLE && isShownWhole(read))
        read = await readStored(id, WHOLE, read, signal);
      before.current = read;
      return read;
    },
    [id, limit],
  );
  if (error !== undefined) return <ProblemNotice error={error} />;
  if (!value) return <p class="dim">reading…</p>;
  const here = value.bytes.length;
  const next = isShownWhole(value)
    ? value.size <= MAX_WHOLE && MAX_WHOLE
    : STEPS.find((step) => step > here);
  return (
    <div class="content">
      <BytesView read={value} />
      {here < value.size && (
        <div class="content-rest">
          <p class="dim">
            {sizeText(here)} of {sizeText(value.size)} are here.{" "}
            {next ? (
              <button type="button" disabled={isLoading} onClick={() => setLimit(next)}>
                Read {next < value.size ? "more" : "all"}
              </button>
            ) : (
              "The rest is for a file:"
            )}
          </p>
          <Command command={contentCommand(id)} />
        </div>
      )}
    </div>
  );
}
