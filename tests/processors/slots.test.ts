import { expect, test } from "bun:test";
import type { ScheduleOptions } from "../../src/processors/lifecycle/options.ts";
import type { Clock } from "../../src/processors/schedule/clock.ts";
import { Slots } from "../../src/processors/schedule/slots.ts";
import type { Store } from "../../src/store/store.ts";
import { withStore } from "../support/store.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 10, 26, 12);

/** A clock whose time passes only in sleep and in runs, and which somebody sets at some moments. */
class FakeClock implements Clock {
  #time: number;
  #passed = 0;
  #longest = 0;
  readonly #end: number;
  readonly #stop = new AbortController();
  #steps: readonly (readonly [after: number, by: number])[];

  /** @param steps after how long the clock moves by how much, in ms */
  constructor(start: number, length: number, steps: readonly (readonly [number, number])[] = []) {
    this.#time = start;
    this.#end = length;
    this.#steps = steps;
  }

  now(): number {
    return this.#time;
  }

  async sleep(ms: number): Promise<void> {
    this.#longest = Math.max(this.#longest, ms);
    this.pass(ms);
  }

  /** The longest sleep so far. */
  get longest(): number {
    return this.#longest;
  }

  /** Aborted at the end of the test's time. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  pass(ms: number): void {
    const due = this.#steps.filter(([after]) => after <= this.#passed + ms);
    this.#steps = this.#steps.slice(due.length);
    this.#passed += ms;
    this.#time += due.reduce((sum, [, by]) => sum + by, ms);
    if (this.#passed >= this.#end) this.#stop.abort();
  }
}

const SUBJECT = { kind: "generator", name: "disk", spawnId: "03hb55vtsi38ygvqkkmjbaitm" } as const;

/** Runs a schedule as the runtime does, and returns when the runs began, after the start of the clock, in ms. */
async function runs(
  store: Store,
  clock: FakeClock,
  options: ScheduleOptions,
  { took = 0, spawned = clock.now(), subject = SUBJECT as { spawnId: string } } = {},
): Promise<number[]> {
  const slots = await Slots.open({ store, clock }, { ...SUBJECT, ...subject }, options, spawned);
  await store.apply([slots.record()]);
  const began: number[] = [];
  for (;;) {
    await slots.due(clock.signal);
    if (clock.signal.aborted) return began;
    await store.apply([slots.begin()]);
    began.push(clock.now());
    clock.pass(took);
    await store.apply(slots.end());
  }
}

/** What happens, the schedule, how long a run takes, the steps of the clock, how long it goes, and when runs begin. */
const CASES: [
  what: string,
  every: string,
  took: number,
  steps: [number, number][],
  length: number,
  began: number[],
][] = [
  ["nothing special", "10s", 0, [], 35 * SECOND, [10, 20, 30].map((n) => n * SECOND)],
  [
    "a run that is longer than three slots passes these over",
    "1s",
    3500,
    [],
    12 * SECOND,
    [1, 5, 9].map((n) => n * SECOND),
  ],
  [
    "every second, with a run of a minute",
    "1s",
    MINUTE,
    [],
    3 * MINUTE,
    [1, 62, 123].map((n) => n * SECOND),
  ],
  [
    "a week of sleep: one run at once, and the slots go on as before",
    "1h",
    0,
    [[90 * MINUTE, 7 * DAY + 10 * MINUTE]],
    3 * HOUR,
    [HOUR, 90 * MINUTE + 7 * DAY + 10 * MINUTE, 2 * HOUR + 7 * DAY, 3 * HOUR + 7 * DAY],
  ],
  [
    "a clock back an hour: no slot again",
    "10m",
    0,
    [[25 * MINUTE, -HOUR]],
    2 * HOUR,
    [10, 20, 30, 40, 50, 60].map((n) => n * MINUTE).slice(0, 5),
  ],
  [
    "a clock that was a year ahead: the schedule begins anew",
    "1h",
    0,
    [
      [30 * MINUTE, 365 * DAY],
      [40 * MINUTE, -365 * DAY],
    ],
    3 * HOUR + MINUTE,
    [30 * MINUTE + 365 * DAY, HOUR, 2 * HOUR, 3 * HOUR],
  ],
  [
    "sleep while a run goes on",
    "1h",
    20 * MINUTE,
    [[70 * MINUTE, DAY]],
    3 * HOUR,
    [HOUR, 2 * HOUR + DAY],
  ],
];

test.each(CASES)("%s", async (_, every, took, steps, length, began) => {
  await withStore(async (store) => {
    const clock = new FakeClock(START, length, steps);
    const found = await runs(store, clock, { every }, { took });
    expect(found.map((at) => at - START)).toEqual(began);
    expect(clock.longest).toBeLessThanOrEqual(30 * SECOND);
  });
});

test("a stop makes up for what it missed with one run, and shifts no slot", async () => {
  await withStore(async (store) => {
    const every = { every: "1h" };
    await runs(store, new FakeClock(START, 90 * MINUTE), every);
    const missed = await runs(store, new FakeClock(START + 5 * HOUR + 600, 2 * HOUR), every, {
      spawned: START,
    });
    expect(missed.map((at) => at - START)).toEqual([5 * HOUR + 600, 6 * HOUR, 7 * HOUR]);
    // Nothing was missed: the slot of the stop has run.
    const next = await runs(store, new FakeClock(START + 7 * HOUR + 601, HOUR), every, {
      spawned: START,
    });
    expect(next.map((at) => at - START)).toEqual([8 * HOUR]);
  });
});

test("slots that a long run passed over are not made up after a stop", async () => {
  await withStore(async (store) => {
    const every = { every: "1h" };
    await runs(store, new FakeClock(START, 160 * MINUTE), every, { took: 90 * MINUTE });
    const again = await runs(store, new FakeClock(START + 170 * MINUTE, 15 * MINUTE), every);
    expect(again.map((at) => at - START)).toEqual([180 * MINUTE]);
  });
});

test("a kill in a run: its slot does not run twice, and a later slot that was missed is made up", async () => {
  await withStore(async (store) => {
    const open = (clock: FakeClock) =>
      Slots.open({ store, clock }, SUBJECT, { every: "1h" }, START);
    const slots = await open(new FakeClock(START, DAY));
    await store.apply([slots.record()]);
    const killed = await open(new FakeClock(START + HOUR, DAY));
    await store.apply([killed.begin()]);
    const soon = await open(new FakeClock(START + HOUR + MINUTE, DAY));
    expect(soon.next).toBe(START + 2 * HOUR);
    const late = await open(new FakeClock(START + 9 * HOUR, DAY));
    expect(late.next).toBe(START + 2 * HOUR);
  });
});

test("a clock that is back an hour at the start of the server runs no slot again", async () => {
  await withStore(async (store) => {
    const every = { every: "10m" };
    await runs(store, new FakeClock(START, 65 * MINUTE), every);
    const again = await runs(store, new FakeClock(START + 10 * MINUTE, 75 * MINUTE), every, {
      spawned: START,
    });
    expect(again.map((at) => at - START)).toEqual([70 * MINUTE, 80 * MINUTE]);
  });
});

test("a cron line with DST, over a night and a stop", async () => {
  await withStore(async (store) => {
    const night = { every: "30 2 * * *", tz: "Europe/Berlin" };
    const clock = new FakeClock(Date.UTC(2026, 9, 24, 20), 12 * HOUR);
    expect(await runs(store, clock, night)).toEqual([Date.UTC(2026, 9, 25, 0, 30)]);
    // The clock on the wall shows 02:30 again, after a stop.
    const after = new FakeClock(Date.UTC(2026, 9, 25, 1, 15), 6 * HOUR);
    expect(await runs(store, after, night)).toEqual([]);
    const spring = new FakeClock(Date.UTC(2027, 2, 27, 20), 12 * HOUR);
    expect(await runs(store, spring, night)).toEqual([
      Date.UTC(2027, 2, 27, 20),
      Date.UTC(2027, 2, 28, 1),
    ]);
  });
});

test("another spawn, or another schedule of it, begins anew", async () => {
  await withStore(async (store) => {
    await runs(store, new FakeClock(START, 90 * MINUTE), { every: "1h" });
    const at = START + 5 * HOUR;
    const subject = { spawnId: "03hb55vtsi38ygvqkkmjbaitn" };
    const other = await runs(store, new FakeClock(at, 61 * MINUTE), { every: "1h" }, { subject });
    expect(other.map((each) => each - at)).toEqual([HOUR]);
    await store.kv.put("stream.cross.generator/disk", "application/json", Buffer.from("[1]"));
    const broken = await runs(store, new FakeClock(at, 61 * MINUTE), { every: "1h" });
    expect(broken.map((each) => each - at)).toEqual([HOUR]);
  });
});

test("the next run is known: while nothing runs, while a run goes on, and when it is due", async () => {
  await withStore(async (store) => {
    const clock = new FakeClock(START, DAY);
    const slots = await Slots.open({ store, clock }, SUBJECT, { every: "1h" }, START);
    expect(slots.next).toBe(START + HOUR);
    await slots.due(clock.signal);
    expect(slots.next).toBe(START + HOUR);
    slots.begin();
    expect(slots.next).toBe(START + 2 * HOUR);
    clock.pass(150 * MINUTE);
    expect(slots.next).toBe(START + 4 * HOUR);
    slots.end();
    expect(slots.next).toBe(START + 4 * HOUR);
  });
});
