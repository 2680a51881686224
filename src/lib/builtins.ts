// What every command loads takes these from here: an import of one takes a tenth to a fifth of the time of
// `xs version`, and a command that finds its server at once needs none of them.

/** `node:buffer`, loaded by the first call. */
export function buffer(): typeof import("node:buffer") {
  return process.getBuiltinModule("node:buffer");
}

/** `node:fs`, loaded by the first call. */
export function fs(): typeof import("node:fs") {
  return process.getBuiltinModule("node:fs");
}

/** `node:os`, loaded by the first call. */
export function os(): typeof import("node:os") {
  return process.getBuiltinModule("node:os");
}

/** `node:path`, loaded by the first call. */
export function paths(): typeof import("node:path") {
  return process.getBuiltinModule("node:path");
}
