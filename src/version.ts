declare const XS_VERSION: string | undefined;

/** The version stamped into the binary by the build. */
export const version = typeof XS_VERSION === "string" ? XS_VERSION : "0.0.0-dev";
