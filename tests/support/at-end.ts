import { afterAll } from "bun:test";

const ends: (() => Promise<unknown>)[] = [];

/** Does something after the last test of this process, whichever file it is in. */
export function atEnd(end: () => Promise<unknown>): void {
  ends.push(end);
}

// Loaded before all tests (bunfig.toml): what a file says is over at the end of that file.
afterAll(async () => {
  for (const end of ends.splice(0)) await end();
});
