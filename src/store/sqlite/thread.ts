import { hasDescriptors, outOfFiles } from "../failures.ts";

/** A thread takes about half of these descriptors. Bun ends the whole process where it finds none. */
const DESCRIPTORS = 8;

/**
 * Starts a thread.
 *
 * @throws XsError `too_many_files` where a descriptor or memory lacks, which passes
 */
export function startThread(start: () => Worker): Worker {
  if (!hasDescriptors(DESCRIPTORS)) throw outOfFiles();
  try {
    const worker = start();
    worker.unref();
    return worker;
  } catch (error) {
    throw outOfFiles(error);
  }
}

/** Starts a thread ahead of time. Where that fails, it may start later, when it is needed. */
export function tryStartThread(start: () => Worker): Worker | undefined {
  try {
    return startThread(start);
  } catch {
    return undefined;
  }
}
