/** How much of the large content a node has: all of it, or what it took and read, up to so many bytes of the latter. */
export type ContentPolicy = "all" | { readonly cacheBytes: number };
