import { existsSync } from "node:fs";
import { dirname } from "node:path";

/** By the code of a system error: what the system refuses, and what to do. PATH stands for the path. */
const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: "there is no PATH: look how it is spelt",
  EACCES: "you may not use PATH: check its permissions, and those of the folders above it",
  EPERM: "you may not do that to PATH: check its owner and permissions",
  EROFS: "PATH is on a read-only disk: name another place",
  EISDIR: "PATH is a folder: name a file",
  ENOTDIR: "PATH leads through a file as if that were a folder: look how it is spelt",
  EEXIST: "PATH exists already: name another",
  ELOOP: "PATH is a link that leads back to itself: name the file itself",
  ENAMETOOLONG: "PATH is longer than the system takes: use a shorter one",
  ENXIO: "no program reads PATH: start its reader first",
  ENOSPC: "there is no space left for PATH: free some space, then try again",
  EDQUOT: "there is no space left for PATH in your quota: free some space, then try again",
  EFBIG: "PATH would become larger than its file system allows: name another place",
  EIO: "the disk cannot read or write PATH: check the disk before you lose more",
  ETXTBSY: "PATH is a running program: name another file",
  EMFILE: "xs has no file descriptor left: try again, or raise the limit (ulimit -n)",
  ENFILE: "the system has no file descriptor left: try again when fewer programs run",
  ENOMEM: "there is no memory left: try again when fewer programs run",
};

/** Describes a system error and says what to do; undefined for any other error. */
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
  return problem.replace("PATH", () => (place ? place : "its input or output"));
}
