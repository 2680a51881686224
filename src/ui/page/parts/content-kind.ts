/** How a content is shown. */
export type ContentKind = "json" | "markdown" | "text" | "image" | "audio" | "video" | "bytes";

/** What the first bytes of a file say, as https://mimesniff.spec.whatwg.org/ has them: the offset, the bytes, the type. */
const MAGIC: readonly (readonly [offset: number, bytes: string, type: string])[] = [
  [0, "\x89PNG\r\n\x1a\n", "image/png"],
  [0, "\xff\xd8\xff", "image/jpeg"],
  [0, "GIF87a", "image/gif"],
  [0, "GIF89a", "image/gif"],
  [8, "WEBP", "image/webp"],
  [4, "ftypavif", "image/avif"],
  [0, "BM", "image/bmp"],
  [8, "WAVE", "audio/wav"],
  [0, "ID3", "audio/mpeg"],
  [0, "\xff\xfb", "audio/mpeg"],
  [0, "fLaC", "audio/flac"],
  [0, "OggS", "audio/ogg"],
  [4, "ftypM4A", "audio/mp4"],
  [4, "ftyp", "video/mp4"],
  [0, "\x1aE\xdf\xa3", "video/webm"],
];

/** The type of an image, a sound or a film, by its first bytes; undefined for anything else. */
export function mediaType(head: Uint8Array): string | undefined {
  const text = String.fromCharCode(...head.subarray(0, 16));
  const found = MAGIC.find(([offset, bytes]) => text.startsWith(bytes, offset));
  return found?.[2];
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
export function isSvg(text: string): boolean {
  return /^\s*(<\?xml[^>]*>\s*)?(<!--[\s\S]{0,2000}?-->\s*)*<svg[\s>]/i.test(text.slice(0, 4096));
}

/** Whether text reads as Markdown: headings, lists, links or fences at the begin of lines. */
export function isMarkdown(text: string): boolean {
  const head = text.slice(0, 4096);
  const marks = head.match(/^(#{1,6} |[-*] |\d+\. |> |```)|\[[^\]\n]+\]\([^)\n]+\)/gm);
  return (marks?.length ?? 0) >= 2;
}

/** A value of JSON in a text; undefined where it is none, or no object and no list. */
export function jsonIn(text: string): object | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
