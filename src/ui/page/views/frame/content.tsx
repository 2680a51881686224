import { useState } from "preact/hooks";
import { ask } from "../../lib/ask.ts";
import { size as sizeText } from "../../lib/format.ts";
import type { Frame } from "../../lib/frame.ts";
import { useAsk } from "../../lib/use-ask.ts";
import { BytesView, isMedia, type Read } from "../../parts/bytes-view.tsx";
import { ProblemNotice } from "../../parts/notice.tsx";

/** How much the page reads at first, and how much at most, of a picture or a sound and of others, in bytes. */
const FIRST_BYTES = 256 * 1024;
const MAX_MEDIA = 32 * 1024 * 1024;
const MAX_TEXT = 4 * 1024 * 1024;

/** The content of a frame, or its first part. */
export function Content({ frame }: { frame: Frame }) {
  const [limit, setLimit] = useState(FIRST_BYTES);
  const { value, error } = useAsk((signal) => read(frame.id, limit, signal), [frame.id, limit]);
  if (error !== undefined) return <ProblemNotice error={error} />;
  if (!value) return <p class="dim">reading…</p>;
  const most = isMedia(value) ? MAX_MEDIA : MAX_TEXT;
  return (
    <div class="content">
      <BytesView read={value} />
      {value.bytes.length < value.size && (
        <p class="dim">
          {sizeText(value.bytes.length)} of {sizeText(value.size)} are here.{" "}
          {limit < most ? (
            <button type="button" onClick={() => setLimit(most)}>
              Read more
            </button>
          ) : (
            <code>xs content {frame.id} &gt; file</code>
          )}
        </p>
      )}
    </div>
  );
}

async function read(id: string, limit: number, signal: AbortSignal): Promise<Read> {
  const response = await ask(`/${id}/content`, {
    signal,
    headers: { range: `bytes=0-${limit - 1}` },
  });
  const bytes = await firstBytes(response, limit);
  const total = /\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1];
  const length = response.headers.get("content-length");
  return { bytes, size: Number(total ?? length ?? bytes.length) };
}

/** At most so many bytes of a response, which may have more where it knows no ranges. */
async function firstBytes(response: Response, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  while (reader && length < limit) {
    const { value, done } = await reader.read();
    if (done) break;
    parts.push(value);
    length += value.length;
  }
  await reader?.cancel();
  return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer()).subarray(0, limit);
}
