import type { Frame } from "../../core/frame.ts";
import { RUNTIME_PREFIX } from "../../core/topic.ts";

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
  return topic.startsWith(RUNTIME_PREFIX);
}
