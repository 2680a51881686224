/** The standard error of a command, as a stream whose source is asked for more once the last piece was read. */
export class StderrStream {
  readonly stream: ReadableStream<Uint8Array>;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #taken: (() => void) | undefined;

  constructor() {
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#wasTaken(),
        cancel: () => {
          this.#controller = undefined;
          this.#wasTaken();
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** Adds a piece. @param taken is called when it was read and more is wanted */
  add(bytes: Uint8Array, taken: () => void): void {
    this.#taken = taken;
    if (this.#controller) this.#controller.enqueue(bytes);
    else this.#wasTaken();
  }

  end(): void {
    this.#controller?.close();
    this.#controller = undefined;
  }

  #wasTaken(): void {
    this.#taken?.();
    this.#taken = undefined;
  }
}
