/**
 * What goes with bytes that somebody stored: a browser that is led to them does not guess what they are,
 * and runs nothing that they hold.
 */
export const STORED_BYTES = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "sandbox",
} as const;

/**
 * What goes with an answer that comes bit by bit: nginx, with its defaults, and others would keep it back
 * until it is over.
 */
export const STREAMED = { "cache-control": "no-cache", "x-accel-buffering": "no" } as const;
