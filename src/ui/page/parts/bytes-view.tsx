import { useMemo } from "preact/hooks";
import { size as sizeText } from "../lib/format.ts";
import { go, place } from "../lib/place.ts";
import { type Content, contentIn, isCostly } from "./content-kind.ts";
import { Hex } from "./hex.tsx";
import { JsonTree } from "./json-tree.tsx";
import { Media } from "./media.tsx";
import { TextContent } from "./text-content.tsx";

/** The bytes that the page has of a content, or of a value. */
export interface Read {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of the whole, in bytes; of one that grows, of what is there so far. */
  readonly size: number;
  readonly isGrowing?: boolean;
}

/** A way to look at bytes. */
type Way = "tree" | "image" | "audio" | "video" | "text" | "hex";

/**
 * Bytes, as what they are: text, JSON, Markdown as its source, a picture, a sound, or numbers. In the address: `as`, the
 * way to look at them where it is not the first.
 */
export function BytesView({ read }: { read: Read }) {
  const content = useMemo(() => contentOf(read), [read]);
  const ways = waysOf(content);
  const asked = place.value.get("as");
  const way = ways.find((each) => each === asked) ?? ways[0];
  return (
    <div class="bytes">
      <div class="bytes-head">
        <span class="tag">{content.label}</span>
        <span class="dim">
          {sizeText(read.size)}
          {read.isGrowing && " so far"}
        </span>
        {ways.length > 1 && (
          <fieldset class="ways" aria-label="Show as">
            {ways.map((each) => (
              <button
                key={each}
                type="button"
                class="quiet"
                aria-pressed={each === way}
                onClick={() => go({ as: each === ways[0] ? undefined : each }, "replace")}
              >
                {each}
              </button>
            ))}
          </fieldset>
        )}
      </div>
      <Shown read={read} content={content} way={way} />
    </div>
  );
}

interface ShownProps {
  readonly read: Read;
  readonly content: Content;
  readonly way: Way | undefined;
}

function Shown({ read, content: { text = "", label }, way }: ShownProps) {
  const { bytes, size, isGrowing = false } = read;
  switch (way) {
    case "tree":
      return <JsonTree text={text} />;
    case "text":
      return <TextContent text={text} label={label} isGrowing={isGrowing} />;
    case "hex":
      return <Hex bytes={bytes} />;
    case "image":
    case "audio":
    case "video":
      if (bytes.length === size && !isGrowing) return <Media bytes={bytes} type={label} />;
      return <p class="dim">It is shown once all of it is here.</p>;
    default:
      return null;
  }
}

/** Whether bytes are shown only as a whole: a picture, a sound or a film. */
export function isShownWhole(read: Read): boolean {
  const { kind } = contentOf(read);
  return kind === "image" || kind === "audio" || kind === "video" || kind === "svg";
}

function contentOf({ bytes, size, isGrowing }: Read): Content {
  return contentIn(bytes, isGrowing === true || bytes.length < size);
}

function waysOf({ kind, text = "" }: Content): readonly Way[] {
  switch (kind) {
    case "empty":
      return [];
    case "json":
      return ["tree", "text", "hex"];
    case "svg":
      return isCostly(text) ? ["text", "image", "hex"] : ["image", "text", "hex"];
    case "image":
    case "audio":
    case "video":
      return [kind, "hex"];
    case "bytes":
      return ["hex"];
    default:
      return ["text", "hex"];
  }
}
