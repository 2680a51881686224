import { signal } from "@preact/signals";

/** How many frames the page heard of, live, since it was opened: what shows counts looks again when this changes. */
export const heard = signal(0);
