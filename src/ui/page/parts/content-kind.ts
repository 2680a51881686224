import { isJson } from "./json-nodes.ts";

/** How a content is shown. */
export type ContentKind =
  | "empty"
  | "json"
  | "markdown"
  | "svg"
  | "text"
  | "image"
  | "audio"
  | "video"
  | "bytes";

/** What some bytes are. */
export interface Content {
  readonly kind: ContentKind;
  /** What it is, for the person; of a picture or a sound its media type. */
  readonly label: string;
  /** The text that the bytes are; undefined where they are none. */
  readonly text?: string;
}

/** What the first bytes of a file say, as https://mimesniff.spec.whatwg.org/ has them; `?` stands for any byte. */
const MAGIC: readonly (readonly [head: string, type: string])[] = [
  ["\x89PNG\r\n\x1a\n", "image/png"],
  ["\xff\xd8\xff", "image/jpeg"],
  ["GIF87a", "image/gif"],
  ["GIF89a", "image/gif"],
  ["RIFF????WEBP", "image/webp"],
  ["????ftypavif", "image/avif"],
  ["????ftypavis", "image/avif"],
  ["BM????\0\0\0\0", "image/bmp"],
  ["RIFF????WAVE", "audio/wav"],
  ["ID3", "audio/mpeg"],
  ["\xff\xfb", "audio/mpeg"],
  ["\xff\xf3", "audio/mpeg"],
  ["\xff\xf2", "audio/mpeg"],
  ["fLaC", "audio/flac"],
  // A browser plays it as a film without pictures, too.
  ["OggS", "video/ogg"],
  ["????ftypM4A", "audio/mp4"],
  ["????ftyp", "video/mp4"],
  ["\x1aE\xdf\xa3", "video/webm"],
];

/**
 * Tells what some bytes are, by themselves alone: what a meta says of them may be a lie. Text comes first, so that a
 * text which begins like a picture is one that can be read.
 *
 * @param isCut there is more behind them
 */
export function contentIn(bytes: Uint8Array, isCut: boolean): Content {
  if (bytes.length === 0) return { kind: "empty", label: "empty" };
  const text = textIn(bytes, isCut);
  if (text === undefined) {
    const type = mediaType(bytes);
    if (type === undefined) return { kind: "bytes", label: "bytes" };
    return { kind: type.slice(0, type.indexOf("/")) as ContentKind, label: type };
  }
  if (isSvg(text)) return { kind: "svg", label: "image/svg+xml", text };
  if (!isCut && /^\s*[[{]/.test(text) && isJson(text)) return { kind: "json", label: "JSON", text };
  if (isMarkdown(text)) return { kind: "markdown", label: "Markdown", text };
  return { kind: "text", label: "text", text };
}

/** The type of an image, a sound or a film, by its first bytes; undefined for anything else. */
export function mediaType(bytes: Uint8Array): string | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, 48));
  const fits = (magic: string) =>
    magic.length <= head.length &&
    [...magic].every((char, at) => char === "?" || char === head[at]);
  return MAGIC.find(([magic]) => fits(magic))?.[1];
}

/** The text of some bytes; undefined where they are none. @param isCut the last character may be a part of one */
export function textIn(bytes: Uint8Array, isCut: boolean): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: isCut });
    return text.includes("\0") ? undefined : text;
  } catch {
    return undefined;
  }
}

/** Whether text is an SVG: it is shown as an image alone, where nothing in it runs. */
function isSvg(text: string): boolean {
  return /^\s*(<\?xml[^>]*>\s*)?(<!--[\s\S]{0,2000}?-->\s*|<!DOCTYPE[^[>]*>\s*)*<svg[\s>]/i.test(
    text.slice(0, 4096),
  );
}

/** Elements of SVG that draw others again: a few lines of them keep a browser busy for ever. */
const DRAWS_AGAIN = /<(?:\w+:)?(?:use|pattern|mask|filter|marker|image|feImage|clipPath)\b/gi;
/** So many of them cannot do much. */
const MAX_DRAWN_AGAIN = 12;

/** Whether an SVG may keep the browser busy: its source is shown first. */
export function isCostly(svg: string): boolean {
  return /<!ENTITY/i.test(svg) || (svg.match(DRAWS_AGAIN)?.length ?? 0) > MAX_DRAWN_AGAIN;
}

/** Whether text reads as Markdown: headings, lists, links or fences at the begin of lines. */
function isMarkdown(text: string): boolean {
  const head = text.slice(0, 4096);
  const marks = head.match(/^(#{1,6} |[-*] |\d+\. |> |```)|\[[^\]\n]+\]\([^)\n]+\)/gm);
  return (marks?.length ?? 0) >= 2;
}
