import { ptr } from "bun:ffi";
import { libc } from "./libc.ts";

const RLIMIT_NOFILE = process.platform === "linux" ? 7 : 8;
/** A process of xs uses no more descriptors, however many it may have. */
const MOST = 32_768;

/** How many descriptors this process may have; its present limit is lower while clients are many. */
export function descriptorLimit(): number {
  return Math.min(Number(limits()?.[1] ?? MOST), MOST);
}

/** Sets the present limit, below the one that stays. */
export function limitDescriptors(most: number): void {
  const both = limits();
  if (!both) return;
  both[0] = BigInt(most);
  libc("setrlimit")?.(RLIMIT_NOFILE, ptr(both));
}

/** The present limit and the one that stays (`getrlimit(2)`). */
function limits(): BigUint64Array | undefined {
  const both = new BigUint64Array(2);
  return libc("getrlimit")?.(RLIMIT_NOFILE, ptr(both)) === 0 ? both : undefined;
}
