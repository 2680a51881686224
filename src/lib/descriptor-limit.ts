import { ptr } from "bun:ffi";
import { libc } from "./libc.ts";

const RLIMIT_NOFILE = process.platform === "linux" ? 7 : 8;
/** xs opens at most this many descriptors, even where the hard limit allows more. */
const MAX_DESCRIPTORS = 32_768;

/** The number of descriptors this process may raise its limit to. The soft limit is lower while many clients connect. */
export function descriptorLimit(): number {
  return Math.min(Number(limits()?.[1] ?? MAX_DESCRIPTORS), MAX_DESCRIPTORS);
}

/** Sets the soft limit and keeps the hard limit. */
export function limitDescriptors(most: number): void {
  const both = limits();
  if (!both) return;
  both[0] = BigInt(most);
  libc("setrlimit")?.(RLIMIT_NOFILE, ptr(both));
}

/** The soft limit and the hard limit (`getrlimit(2)`). */
function limits(): BigUint64Array | undefined {
  const both = new BigUint64Array(2);
  return libc("getrlimit")?.(RLIMIT_NOFILE, ptr(both)) === 0 ? both : undefined;
}
