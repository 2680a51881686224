declare const XS_LICENSES: string | undefined;

/** The notices of all that is inside this binary. The build puts them in. */
export const licenses =
  typeof XS_LICENSES === "string" ? XS_LICENSES : "only a binary that was built has its notices";
