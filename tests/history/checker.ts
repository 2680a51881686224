/**
 * One call of a client: when it was sent, when its answer came, and what both said. Without an
 * answer (the server was killed) `end` is Infinity, and it may have had its effect at any time after
 * its start, or never.
 */
export interface Operation<Input, Output> {
  readonly start: number;
  readonly end: number;
  readonly input: Input;
  readonly output: Output | undefined;
}

/** What one object (a key, a topic) does when its operations come one after the other. */
export interface Model<State, Input, Output> {
  readonly initial: State;
  /** The state after it; undefined where this state cannot give that output. */
  step(state: State, input: Input, output: Output | undefined): State | undefined;
  /** Equal for equal states. */
  key(state: State): string;
}

/**
 * Tells whether a history of one object is linearizable: whether its operations can be put in an
 * order that the model allows and in which one that ended before another began comes before it.
 *
 * The search of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993) with the memory of
 * Lowe ("Testing for linearizability", 2017): an operation may be the next if it began before any of
 * those that are left has ended; each set of operations done, with the state after them, is looked
 * at once. Linearizability is local, so every object is checked by itself.
 */
export function isLinearizable<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
): boolean {
  const operations = history.toSorted((a, b) => a.start - b.start);
  const seen = new Set<string>();
  interface Place {
    /** All before this one are done. */
    readonly first: number;
    /** Those after it that are done as well. */
    readonly done: ReadonlySet<number>;
    readonly state: State;
  }
  const open: Place[] = [{ first: 0, done: new Set(), state: model.initial }];
  for (let place = open.pop(); place; place = open.pop()) {
    const { first, done, state } = place;
    let earliestEnd = Infinity;
    const next: number[] = [];
    for (let n = first; n < operations.length; n++) {
      if (done.has(n)) continue;
      const { start, end } = operations[n] as Operation<Input, Output>;
      if (start > earliestEnd) break;
      next.push(n);
      earliestEnd = Math.min(earliestEnd, end);
    }
    // What is left has no answer, so it need not have happened.
    if (earliestEnd === Infinity) return true;
    // Looked at last first: what has no answer may as well come later.
    next.sort((one, other) => endOf(operations, other) - endOf(operations, one));
    for (const n of next) {
      const { start, input, output } = operations[n] as Operation<Input, Output>;
      if (start > earliestEnd) continue;
      const after = model.step(state, input, output);
      if (after === undefined) continue;
      const reached = advance({ first, done: new Set(done).add(n), state: after });
      const name = `${reached.first} ${[...reached.done].sort((a, b) => a - b)} ${model.key(after)}`;
      if (seen.has(name)) continue;
      seen.add(name);
      open.push(reached);
    }
  }
  return false;
}

function endOf(operations: readonly { readonly end: number }[], n: number): number {
  return operations[n]?.end ?? Infinity;
}

function advance<P extends { first: number; done: ReadonlySet<number> }>(place: P): P {
  const done = new Set(place.done);
  let { first } = place;
  while (done.delete(first)) first++;
  return { ...place, first, done };
}

/**
 * Tells whether ids were given in an order that fits real time, over all objects together: what
 * began after another had ended has the greater id.
 */
export function idsFitTime(given: readonly { start: number; end: number; id: string }[]): boolean {
  const byStart = given.toSorted((a, b) => a.start - b.start);
  const byEnd = given.toSorted((a, b) => a.end - b.end);
  let ended = 0;
  let newest = "";
  for (const { start, id } of byStart) {
    for (let next = byEnd[ended]; next && next.end < start; next = byEnd[++ended]) {
      if (next.id > newest) newest = next.id;
    }
    if (id <= newest) return false;
  }
  return new Set(given.map(({ id }) => id)).size === given.length;
}
