import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Server, startServer } from "../support/server.ts";
import { missingTool } from "../support/tools.ts";

const LIBRARY = "faketime/libfaketime.so.1";

/** Where Debian puts the library, which lies in a folder named after the machine. */
function library(): string {
  const folders = process.platform === "linux" ? readdirSync("/usr/lib") : [];
  const machine = folders.find((name) => name.endsWith("-linux-gnu")) ?? "";
  return join("/usr/lib", machine, LIBRARY);
}

/** Why no clock can be shifted here; undefined where it can. */
export const missingClock = missingTool("libfaketime", library());

/** A server whose clock is as far from the true one as a file says. */
export class ShiftedClock {
  readonly #file: string;

  constructor(directory: string) {
    this.#file = join(directory, "clock");
    this.set(0);
  }

  readonly set = (ms: number): void => {
    const seconds = ms / 1000;
    writeFileSync(this.#file, `${seconds < 0 ? "" : "+"}${seconds}s\n`);
  };

  /** The environment of a process that goes by it. */
  get env(): Record<string, string> {
    return {
      LD_PRELOAD: library(),
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
  }

  start(directory: string): Promise<Server> {
    return startServer(directory, { env: this.env });
  }
}
