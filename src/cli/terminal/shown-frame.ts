import type { Frame } from "../../core/frame.ts";

/** A frame as a read with `content=inline` returns it. */
export interface ShownFrame extends Frame {
  /** The content, where it is UTF-8. */
  readonly content?: string;
  readonly content_base64?: string;
  /** The size of content that is too large to come with its frame. */
  readonly content_size?: number;
  /** The code of the error where the content cannot be read. */
  readonly content_error?: string;
}

/** Reads the content of a frame that has some, or its first `most` bytes. @throws XsError as `GET /cas/:hash` fails */
export type ReadContent = (frame: Frame, most?: number) => Promise<Response>;

/** Tells the threshold from a stored frame of that topic, which an import may bring. */
export function isThreshold({ topic, ttl }: Frame): boolean {
  return topic === "stream.cross.threshold" && ttl === "ephemeral";
}

/** Tells the heartbeat, which nobody wants to see. */
export function isPulse({ topic, ttl }: Frame): boolean {
  return topic === "stream.cross.pulse" && ttl === "ephemeral";
}

/** Tells a frame of the runtime. */
export function isOfRuntime({ topic }: Frame): boolean {
  return topic.startsWith("stream.cross.");
}
