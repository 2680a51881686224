import { useEffect, useMemo, useState } from "preact/hooks";
import { ask } from "../../lib/ask.ts";
import { size as sizeText } from "../../lib/format.ts";
import type { Frame, Json } from "../../lib/frame.ts";
import { useAsk } from "../../lib/use-ask.ts";
import { JsonTree } from "../../parts/json-tree.tsx";
import { ProblemNotice } from "../../parts/notice.tsx";
import { Text } from "../../parts/text.tsx";
import { type ContentKind, isMarkdown, isSvg, jsonIn, mediaType, textIn } from "./content-kind.ts";
import { Hex } from "./hex.tsx";

/** How much the page reads at first, how much at most for a picture or a sound, and how much text it shows, in bytes. */
const FIRST_BYTES = 256 * 1024;
const MAX_MEDIA = 32 * 1024 * 1024;
const MAX_TEXT = 4 * 1024 * 1024;

interface Read {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of the whole content, in bytes. */
  readonly size: number;
}

/** The content of a frame, as what it is: text, JSON, Markdown as its source, a picture, a sound, or bytes. */
export function Content({ frame }: { frame: Frame }) {
  const [limit, setLimit] = useState(FIRST_BYTES);
  const [isHex, showHex] = useState(false);
  const { value, error } = useAsk((signal) => read(frame.id, limit, signal), [frame.id, limit]);
  const shown = useMemo(() => value && kindOf(value), [value]);
  if (error !== undefined) return <ProblemNotice error={error} />;
  if (!value || !shown) return <p class="dim">reading…</p>;
  const isCut = value.bytes.length < value.size;
  const isMedia = shown.kind === "image" || shown.kind === "audio" || shown.kind === "video";
  const most = isMedia ? MAX_MEDIA : MAX_TEXT;
  return (
    <div class="content">
      <div class="content-head">
        <span class="tag">{shown.label}</span>
        <span class="dim">{sizeText(value.size)}</span>
        <button type="button" class="quiet" aria-pressed={isHex} onClick={() => showHex(!isHex)}>
          hex
        </button>
      </div>
      {isHex || shown.kind === "bytes" ? (
        <Hex bytes={value.bytes} />
      ) : isMedia && isCut ? (
        <p class="dim">It is large, so it is not shown by itself.</p>
      ) : isMedia ? (
        <Media bytes={value.bytes} type={shown.label} />
      ) : shown.kind === "json" ? (
        <JsonTree value={shown.json as Json} />
      ) : (
        <pre class="content-text">
          <Text value={shown.text ?? ""} max={200_000} kept={"\n\t"} />
        </pre>
      )}
      {isCut && (
        <p class="content-more dim">
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

/** A picture, a sound or a film, from bytes that are here: the browser fetches nothing, and runs nothing in it. */
function Media({ bytes, type }: { bytes: Uint8Array<ArrayBuffer>; type: string }) {
  const url = useMemo(() => URL.createObjectURL(new Blob([bytes], { type })), [bytes]);
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  if (type.startsWith("audio/")) {
    // biome-ignore lint/a11y/useMediaCaption: the store has no captions
    return <audio controls src={url} />;
  }
  if (type.startsWith("video/")) {
    // biome-ignore lint/a11y/useMediaCaption: the store has no captions
    return <video controls src={url} />;
  }
  return <img class="content-image" src={url} alt="The content of this frame" />;
}

function kindOf({ bytes, size }: Read): {
  kind: ContentKind;
  label: string;
  text?: string;
  json?: object;
} {
  const media = mediaType(bytes);
  if (media) return { kind: media.split("/")[0] as ContentKind, label: media };
  const isCut = bytes.length < size;
  const text = textIn(bytes, isCut);
  if (text === undefined) return { kind: "bytes", label: "bytes" };
  if (isSvg(text)) return { kind: "image", label: "image/svg+xml", text };
  const json = isCut ? undefined : jsonIn(text);
  if (json) return { kind: "json", label: "JSON", text, json };
  if (isMarkdown(text)) return { kind: "markdown", label: "Markdown", text };
  return { kind: "text", label: "text", text };
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
