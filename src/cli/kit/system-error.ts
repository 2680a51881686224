import { existsSync } from "node:fs";
import { dirname } from "node:path";

/** What the system refuses, and what to do then, by the code of its error; PATH is what it is about. */
const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: "there is no PATH: look how it is spelt",
  EACCES: "you may not use PATH: look at its permissions, and those of the folders above it",
  EPERM: "you may not do that to PATH: look at its owner and permissions",
  EROFS: "PATH is on a disk that takes no writes: name another place",
  EISDIR: "PATH is a folder: name a file",
  ENOTDIR: "PATH leads through a file as if that were a folder: look how it is spelt",
  EEXIST: "PATH is there already: name another",
  ELOOP: "PATH is a link that leads back to itself: name what is meant",
  ENAMETOOLONG: "PATH is longer than the system takes: use a shorter one",
  ENXIO: "nobody reads PATH: start what reads it first",
  ENOSPC: "there is no space left for PATH: free some space, then try again",
  EDQUOT: "there is no space left for PATH in your quota: free some space, then try again",
  EFBIG: "PATH becomes larger than its file system takes: name another place",
  EIO: "the disk cannot read or write PATH: look at it before anything else is lost",
  ETXTBSY: "PATH is a program that runs: name another file",
  EMFILE: "there is no file descriptor left: try again, or with a higher limit (ulimit -n)",
  ENFILE: "the system has no file descriptor left: try again when less is running",
  ENOMEM: "there is no memory left: try again when less is running",
};

/** An error of the system in words that say what to do; undefined for any other error. */
export function systemProblem(error: unknown): string | undefined {
  const { code = "", message, path, dest } = error as NodeJS.ErrnoException & { dest?: string };
  if (!/^E[A-Z0-9]+$/.test(code)) return undefined;
  const place = dest ?? path;
  const folder = place === undefined ? "." : dirname(place);
  if (code === "ENOENT" && !existsSync(folder)) {
    return `there is no folder ${folder} for ${place}: make it, or look how it is spelt`;
  }
  const problem = PROBLEMS[code];
  if (problem === undefined) return message;
  return problem.replace("PATH", () => (place ? place : "what it is to write or read"));
}
