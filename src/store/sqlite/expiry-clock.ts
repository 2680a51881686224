/**
 * The time that decides what has expired. It does not go back when the clock does, so that what has
 * expired stays gone; until {@link goBack}, when all of that has been removed.
 */
export class ExpiryClock {
  readonly #real: () => number;
  #latest = 0;
  /** What it was when the transaction began. */
  #before = 0;

  /** @param real the system's clock, in ms */
  constructor(real: () => number) {
    this.#real = real;
  }

  /** The time, in ms. */
  readonly now = (): number => {
    this.#latest = Math.max(this.#latest, this.#real());
    return this.#latest;
  };

  /** What the system's clock shows. */
  readonly real = (): number => this.#real();

  /** Tells whether the system's clock was set back below what it has shown. */
  get isAhead(): boolean {
    return this.#real() < this.#latest;
  }

  /** Takes up the system's clock, once nothing is left that expired by the later time. */
  goBack(): void {
    this.#latest = this.#real();
  }

  /** A transaction begins. */
  begins(): void {
    this.#before = this.now();
  }

  /** It is rolled back, and what it removed is there again. */
  rolledBack(): void {
    this.#latest = Math.max(this.#latest, this.#before);
  }
}
