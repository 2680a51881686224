import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { report } from "../../support/random.ts";
import { runSeed } from "./run.ts";

/** So many stores of several machines at a time: most of each is waiting. */
const AT_ONCE = 12;
const TELL_EVERY = 500;
/** In memory where that is possible: a store of a test need not survive the machine. */
const PARENT = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** Runs seeds until one fails. Returns how many began, and what was wrong. */
export async function runSeeds(
  first: number,
  count: number,
): Promise<{ readonly seeds: number; readonly failures: string[] }> {
  const failures: string[] = [];
  let next = first;
  const workers = Array.from({ length: AT_ONCE }, async () => {
    while (next < first + count && failures.length === 0) {
      const seed = next++;
      const done = seed - first;
      if (done > 0 && done % TELL_EVERY === 0) report("model", [`${done} seeds from ${first} on`]);
      const directory = mkdtempSync(join(PARENT, "xs-model-"));
      try {
        const problems = await runSeed(seed, directory);
        if (problems.length > 0) failures.push(`seed ${seed}: ${problems.slice(0, 5).join("; ")}`);
      } catch (error) {
        failures.push(`seed ${seed}: ${(error as Error).stack}`);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    }
  });
  await Promise.all(workers);
  return { seeds: next - first, failures };
}
