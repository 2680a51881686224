import { closeSync, openSync, readSync } from "node:fs";

/** The header of a 64-bit program, in bytes; that of a 32-bit one is shorter. */
const HEADER = 64;
const HEADER_32 = 52;
/** Where the header says: the width of addresses, the order of bytes, and the processor. */
const CLASS = 4;
const MACHINE = 18;
/** Processors that run the programs of another one too, by their numbers in the header. */
const ALSO_RUNS: Record<number, number> = { 62: 3, 183: 40 };

/**
 * Looks for the reason why this Linux cannot run an ELF program. Returns undefined if it finds none.
 *
 * @param head the first bytes of the program, as latin1: 64, or all of them
 */
export function elfProblem(head: string): string | undefined {
  if (head.length < (head.charCodeAt(CLASS) === 1 ? HEADER_32 : HEADER))
    return "it is a program that is cut off";
  const own = machineOf(ownHead());
  const machine = machineOf(head);
  if (machine === own || machine === ALSO_RUNS[own]) return undefined;
  return "it is a program for another processor: build it for this one";
}

function machineOf(head: string): number {
  const [low, high] = [head.charCodeAt(MACHINE), head.charCodeAt(MACHINE + 1)];
  // The next byte after the class is 2 where the higher byte comes first.
  return head.charCodeAt(CLASS + 1) === 2 ? low * 256 + high : low + high * 256;
}

/** The header of the program that runs this. */
function ownHead(): string {
  const fd = openSync("/proc/self/exe", "r");
  try {
    const bytes = Buffer.alloc(HEADER);
    return bytes.toString("latin1", 0, readSync(fd, bytes));
  } finally {
    closeSync(fd);
  }
}
