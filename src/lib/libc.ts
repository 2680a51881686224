import { dlopen, FFIType, type Pointer } from "bun:ffi";

const { i32, u32, u64, ptr } = FFIType;

/** The libc calls that Bun offers no function for, with the types of their arguments. Each returns an int. */
const CALLS = {
  close: [i32],
  dup2: [i32, i32],
  /** Linux. */
  epoll_ctl: [i32, i32, i32, ptr],
  /** Linux: fcntl(2), with a number as its third argument. */
  fcntl: [i32, i32, i32],
  getrlimit: [i32, ptr],
  getsockopt: [i32, i32, i32, ptr, ptr],
  /** Linux. */
  inotify_add_watch: [i32, ptr, u32],
  /** Linux. */
  inotify_init1: [i32],
  openat: [i32, ptr, i32],
  /** Linux. */
  pipe2: [ptr, i32],
  poll: [ptr, u64, i32],
  /** Linux. */
  prctl: [i32, u64, u64, u64, u64],
  /** Of fewer bytes than fit an int. */
  read: [i32, ptr, u64],
  setrlimit: [i32, ptr],
  /** Linux. */
  syncfs: [i32],
  waitpid: [i32, ptr, i32],
} as const;

type Call = (...args: (number | Pointer | null)[]) => number;

const LIBRARIES: Partial<Record<NodeJS.Platform, string>> = {
  linux: "libc.so.6",
  darwin: "libSystem.B.dylib",
};

const loaded = new Map<keyof typeof CALLS, Call | undefined>();

/** Looks up a libc call; undefined where this system, or its libc, has none of that name. */
export function libc(name: keyof typeof CALLS): Call | undefined {
  return loaded.getOrInsertComputed(name, load);
}

function load(name: keyof typeof CALLS): Call | undefined {
  const library = LIBRARIES[process.platform];
  if (library === undefined) return undefined;
  try {
    return dlopen(library, { [name]: { args: [...CALLS[name]], returns: i32 } }).symbols[
      name
    ] as Call;
  } catch {
    return undefined;
  }
}
