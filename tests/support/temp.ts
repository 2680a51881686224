import { afterEach } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const made: string[] = [];

/** A new directory that is gone after the test. */
export function tempDir(): string {
  const path = mkdtempSync(join(tmpdir(), "xs-test-"));
  made.push(path);
  return path;
}

// Loaded before all tests (bunfig.toml), so that this holds for every file of them.
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});
