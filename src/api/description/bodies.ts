import { ref } from "./schemas.ts";
import type { Schema } from "./values.ts";

/** A body, by the media types that it may have. */
export interface Body {
  readonly about: string;
  /** A request without it, or with an empty one, means something else, or is an error. */
  readonly required?: boolean;
  readonly media: Readonly<Record<string, Schema>>;
}

/** Bytes of any kind. */
export const BYTES: Schema = {};

/** Lines of JSON. 3.1 has no word for them but that of a text with content. */
export function lines(schema: Schema, about = "a line of JSON for each"): Schema {
  return {
    type: "string",
    description: about,
    contentMediaType: "application/x-ndjson",
    contentSchema: { type: "array", items: schema },
  };
}

/** What the body of a request may be. */
export const BODIES = {
  content: {
    about: "the content; empty for a frame without content",
    media: { "application/octet-stream": BYTES },
  },
  "content to keep": { about: "the content", media: { "application/octet-stream": BYTES } },
  batch: {
    about: "the frames, a line each: at most 10,000 and 16 MiB",
    media: { "application/x-ndjson": lines(ref("BatchLine")) },
  },
  value: {
    about: "the value, of at most 1 MiB; its media type is kept",
    media: { "*/*": BYTES },
  },
  import: {
    about: "the tar of an export, or frames, a line each",
    media: { "application/x-ndjson": lines(ref("ImportLine")), "application/x-tar": BYTES },
  },
  token: {
    about: "what the token is for",
    required: true,
    media: { "application/json": ref("TokenRequest") },
  },
} as const satisfies Record<string, Body>;

/** The name of such a body. */
export type BodyName = keyof typeof BODIES;
