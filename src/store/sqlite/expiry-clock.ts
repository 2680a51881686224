/**
 * The time that decides which frames have expired. It does not go back when the system's clock does, so that expired
 * frames stay gone, until {@link goBack}, after all of them were removed.
 */
export class ExpiryClock {
  readonly #real: () => number;
  #latest = 0;
  /** The time when the transaction began, in ms. */
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

  /** The time of the system's clock, in ms. */
  readonly real = (): number => this.#real();

  /** Whether the system's clock was set back below a time that it has shown. */
  get isAhead(): boolean {
    return this.#real() < this.#latest;
  }

  /** Goes back to the system's clock. Call it once every frame that expired by the later time is removed. */
  goBack(): void {
    this.#latest = this.#real();
  }

  /** Notes that a transaction begins. */
  begins(): void {
    this.#before = this.now();
  }

  /** Notes that the transaction was rolled back, with its removals. */
  rolledBack(): void {
    this.#latest = Math.max(this.#latest, this.#before);
  }
}
