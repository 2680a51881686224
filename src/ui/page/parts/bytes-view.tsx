import { useEffect, useMemo, useState } from "preact/hooks";
import { size as sizeText } from "../lib/format.ts";
import type { Json } from "../lib/frame.ts";
import { type ContentKind, isMarkdown, isSvg, jsonIn, mediaType, textIn } from "./content-kind.ts";
import { Hex } from "./hex.tsx";
import { JsonTree } from "./json-tree.tsx";
import { Text } from "./text.tsx";

/** The most characters of a text that are shown. */
const MAX_SHOWN = 200_000;

/** The bytes that the page has of a content, or of a value. */
export interface Read {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of the whole, in bytes. */
  readonly size: number;
}

/** Whether bytes are a picture, a sound or a film, which is shown only as a whole. */
export function isMedia({ bytes }: Read): boolean {
  return mediaType(bytes) !== undefined;
}

/** Bytes, as what they are: text, JSON, Markdown as its source, a picture, a sound, or numbers. */
export function BytesView({ read }: { read: Read }) {
  const [isHex, showHex] = useState(false);
  const shown = useMemo(() => kindOf(read), [read]);
  return (
    <div class="bytes">
      <div class="bytes-head">
        <span class="tag">{shown.label}</span>
        <span class="dim">{sizeText(read.size)}</span>
        <button type="button" class="quiet" aria-pressed={isHex} onClick={() => showHex(!isHex)}>
          hex
        </button>
      </div>
      {isHex || shown.kind === "bytes" ? (
        <Hex bytes={read.bytes} />
      ) : (
        <Shown shown={shown} read={read} />
      )}
    </div>
  );
}

function Shown({ shown, read: { bytes, size } }: { shown: Kind; read: Read }) {
  const { kind, label, text = "", json } = shown;
  if (kind === "image" || kind === "audio" || kind === "video") {
    if (bytes.length < size) return <p class="dim">It is large, so it is not shown by itself.</p>;
    return <Media bytes={bytes} type={label} />;
  }
  if (json) return <JsonTree value={json as Json} />;
  return (
    <pre class="bytes-text">
      <Text value={text} max={MAX_SHOWN} kept={"\n\t"} />
    </pre>
  );
}

interface Kind {
  readonly kind: ContentKind;
  /** What it is, for the person; of a picture or a sound its media type. */
  readonly label: string;
  readonly text?: string;
  readonly json?: object;
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
  return <img class="bytes-image" src={url} alt="The content" />;
}

function kindOf({ bytes, size }: Read): Kind {
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
