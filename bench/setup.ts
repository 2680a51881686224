import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { compile } from "./processes.ts";
import { makeQuestionStore, type QuestionStore } from "./question-store.ts";
import { type Mix, makeStore } from "./stores.ts";
import type { Row } from "./table.ts";

/** On the disk of the repository, as a store would be; not in version control. */
const OUT = "bench/out";
/** Names the process whose stores these are. */
const OWNER = `${OUT}/pid`;
let isOwner = false;

/** What every group of rows is given. */
export interface Setup {
  readonly quick: boolean;
  /** The server that does nothing, compiled. */
  readonly nothing: string;
  /** A program without a line of code, compiled. */
  readonly empty: string;
  /** Frames in the large store. */
  readonly frames: number;
  /** Rounds of a measurement and its floor, in turn. */
  readonly rounds: number;
  /** A count, smaller where the run is to be quick. */
  count(full: number): number;
  /** A path that nothing else uses. */
  fresh(): string;
  /** A stopped store; made once. */
  store(mix: Mix): Promise<string>;
  /** Another stopped store, of as many frames, with topics, texts and causes; made once. */
  questions(): Promise<QuestionStore>;
}

/** Rows that are measured together, under the name that `--only` takes. */
export interface Group {
  readonly name: string;
  run(setup: Setup): Promise<Row[]>;
}

/** @throws Error where another run is under way: each would remove the stores of the other, and slow it down */
export async function prepare(quick: boolean): Promise<Setup> {
  own();
  writeFileSync(`${OUT}/empty.ts`, "");
  const stores = new Map<Mix, Promise<string>>();
  const frames = quick ? 100_000 : 1_000_000;
  let questions: Promise<QuestionStore> | undefined;
  let paths = 0;
  return {
    quick,
    frames,
    nothing: await compile("bench/floors/server.ts", `${OUT}/nothing`),
    empty: await compile(`${OUT}/empty.ts`, `${OUT}/empty`),
    rounds: quick ? 1 : 3,
    count: (full) => (quick ? Math.ceil(full / 10) : full),
    fresh: () => `${OUT}/${++paths}`,
    store(mix) {
      const store = stores.get(mix) ?? makeStore(`${OUT}/store-${mix}`, frames, mix);
      stores.set(mix, store);
      return store;
    },
    questions() {
      questions ??= makeQuestionStore(`${OUT}/questions`, frames);
      return questions;
    },
  };
}

function own(): void {
  const other = existsSync(OWNER) ? Number(readFileSync(OWNER, "utf8")) : 0;
  if (other > 0 && existsSync(`/proc/${other}`)) {
    throw new Error(
      `the process ${other} runs the benchmark here: wait for its end, or remove ${OUT} if it is another program`,
    );
  }
  isOwner = true;
  tidy();
  mkdirSync(OUT, { recursive: true });
  writeFileSync(OWNER, String(process.pid));
}

/** Removes what this run has made. */
export function tidy(): void {
  if (!isOwner) return;
  rmSync(OUT, { recursive: true, force: true });
}
