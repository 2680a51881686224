declare const XS_LICENSES: string | undefined;

/** The license notices of every part of this binary, which the build inserts. */
export const licenses =
  typeof XS_LICENSES === "string" ? XS_LICENSES : "only a built binary contains license notices";
