import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempDirectory } from "./temp.ts";
import { until } from "./wait.ts";

/** A place for programs of a test that stand in PATH before those of the system. */
export class Programs implements Disposable {
  readonly path: string;
  readonly #home = tempDirectory();

  constructor() {
    this.path = this.#home.path;
    mkdirSync(join(this.path, "bin"));
  }

  /** Adds a shell script. `$AT` in it is the folder of this object. */
  add(name: string, script: string): void {
    const path = join(this.path, "bin", name);
    writeFileSync(path, `#!/bin/sh\nAT='${this.path}'\n${script}\n`);
    chmodSync(path, 0o755);
  }

  /** PATH with these alone, or before those of the system. */
  env(alone = false): Record<string, string> {
    const own = join(this.path, "bin");
    const PATH = alone ? own : `${own}:${process.env.PATH}`;
    return { PATH, HOME: this.path };
  }

  /** What a script wrote into a file of this folder. */
  async wrote(name: string): Promise<string> {
    return until(`${name} of a program`, () => {
      try {
        return readFileSync(join(this.path, name), "utf8") || undefined;
      } catch {
        return undefined;
      }
    });
  }

  [Symbol.dispose](): void {
    this.#home[Symbol.dispose]();
  }
}
