import { afterEach } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const made: string[] = [];

/** A new directory that is gone after the test. */
export function tempDir(): string {
  const path = mkdtempSync(join(tmpdir(), "xs-test-"));
  made.push(path);
  return path;
}

/** The same for as long as a block runs: `using home = tempDirectory()`. */
export function tempDirectory(parent = tmpdir()): Disposable & { path: string } {
  const path = mkdtempSync(join(parent, "xs-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** The names of the files below a directory, from there on; none where there is no directory. */
export function filesBelow(path: string): string[] {
  if (!existsSync(path)) return [];
  // A file may go while they are looked at.
  const isFile = (name: string) => statSync(join(path, name), { throwIfNoEntry: false })?.isFile();
  return readdirSync(path, { recursive: true, encoding: "utf8" }).filter(isFile);
}

// Loaded before all tests (bunfig.toml), so that this holds for every file of them.
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});
