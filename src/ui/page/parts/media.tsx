import { useEffect, useMemo, useState } from "preact/hooks";
import { count, size as sizeText } from "../lib/format.ts";
import { imageSize } from "./image-size.ts";

/** The most pixels of a picture that is shown by itself: four bytes of memory each. */
const MAX_PIXELS = 64e6;

interface MediaProps {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The media type. */
  readonly type: string;
}

/** A picture, a sound or a film, from bytes that are here: the browser fetches nothing, and runs nothing in it. */
export function Media({ bytes, type }: MediaProps) {
  const url = useMemo(() => URL.createObjectURL(new Blob([bytes], { type })), [bytes, type]);
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  const [failed, setFailed] = useState<string>();
  const [isWanted, setWanted] = useState(false);
  const claimed = useMemo(() => imageSize(bytes, type), [bytes, type]);
  if (failed === url) {
    return (
      <p class="notice" role="status">
        The browser cannot show this: it begins like {type}, but is damaged, or something else. Its
        bytes are under <b>hex</b>.
      </p>
    );
  }
  const onError = () => setFailed(url);
  if (type.startsWith("audio/")) {
    // biome-ignore lint/a11y/useMediaCaption: the store has no captions
    return <audio class="bytes-media" controls preload="metadata" src={url} onError={onError} />;
  }
  if (type.startsWith("video/")) {
    // biome-ignore lint/a11y/useMediaCaption: the store has no captions
    return <video class="bytes-media" controls preload="metadata" src={url} onError={onError} />;
  }
  const measures = claimed && `${count(claimed.width)} × ${count(claimed.height)} pixels`;
  if (claimed && claimed.width * claimed.height > MAX_PIXELS && !isWanted) {
    return (
      <p class="notice">
        The picture has {measures}: it takes {sizeText(4 * claimed.width * claimed.height)} of
        memory.{" "}
        <button type="button" onClick={() => setWanted(true)}>
          Show it
        </button>
      </p>
    );
  }
  return (
    <figure class="bytes-figure">
      <img class="bytes-image" src={url} alt="The content" decoding="async" onError={onError} />
      {measures && <figcaption class="dim">{measures}</figcaption>}
    </figure>
  );
}
