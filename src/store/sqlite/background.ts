/** The background tasks of a store. */
const TASKS = [
  "expire",
  "keep",
  "ephemeral",
  "collect",
  "flush",
  "rest",
  "rest_readers",
  "place",
  "compact",
  "due",
  "link",
  "search",
] as const;
export type Task = (typeof TASKS)[number];

/** How often a task ran so far, and how long it took in all, in seconds. */
export interface TaskRuns {
  runs: number;
  seconds: number;
}

/**
 * The one clock of everything that a store does in the background. A task runs again and again, or once after a
 * while; none keeps the process alive, and none runs beside itself.
 */
export class Background {
  readonly runs: Readonly<Record<Task, TaskRuns>>;
  readonly #timers = new Map<Task, ReturnType<typeof setTimeout>>();
  readonly #busy = new Set<Task>();
  #stopped = false;

  constructor() {
    const none = TASKS.map((task) => [task, { runs: 0, seconds: 0 }] as const);
    this.runs = Object.fromEntries(none) as Record<Task, TaskRuns>;
  }

  /** Runs a task at this interval. A task that still runs is not started again. */
  every(task: Task, ms: number, run: () => unknown): void {
    const timer = setInterval(() => void this.#run(task, run), ms);
    timer.unref();
    this.#timers.set(task, timer);
  }

  /** Runs a task once after this time, unless it waits already. */
  after(task: Task, ms: number, run: () => unknown): void {
    if (this.#timers.has(task) || this.#stopped) return;
    const timer = setTimeout(() => {
      this.#timers.delete(task);
      void this.#run(task, run);
    }, ms);
    timer.unref();
    this.#timers.set(task, timer);
  }

  /** Cancels a task that waits. */
  cancel(task: Task): void {
    clearTimeout(this.#timers.get(task));
    this.#timers.delete(task);
  }

  /** Cancels all tasks. */
  stop(): void {
    this.#stopped = true;
    for (const task of [...this.#timers.keys()]) this.cancel(task);
  }

  /** Runs a task and counts it. A task must handle its own errors: a rejection counts as uncaught. */
  async #run(task: Task, run: () => unknown): Promise<void> {
    if (this.#busy.has(task) || this.#stopped) return;
    this.#busy.add(task);
    const start = performance.now();
    try {
      await run();
    } finally {
      const done = this.runs[task];
      done.runs++;
      done.seconds += (performance.now() - start) / 1000;
      this.#busy.delete(task);
    }
  }
}
