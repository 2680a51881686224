import type { ServerResponse } from "node:http";

/** The client has left before its answer was whole. */
export class ClientGone extends Error {
  override readonly name = "ClientGone";
}

/** The way to one client, at its pace: nothing is written while it has not taken what was. */
export class Outgoing {
  readonly #response: ServerResponse;
  readonly #stallMs: number;
  #gone = false;
  #wake: () => void = () => {};

  /**
   * @param stallMs a client that takes nothing for so long has left
   * @param left told when the client has left
   */
  constructor(response: ServerResponse, stallMs: number, left: () => void) {
    this.#response = response;
    this.#stallMs = stallMs;
    // It may have left while the request waited to be served.
    this.#gone = response.destroyed;
    response.on("close", () => {
      if (response.writableFinished) return;
      this.#gone = true;
      this.#wake();
      left();
    });
    response.on("drain", () => this.#wake());
    // Told by "close" as well; without a listener it would end the process.
    response.on("error", () => {});
  }

  /** @throws ClientGone */
  check(): void {
    if (this.#gone) throw new ClientGone();
  }

  /** @throws ClientGone */
  async write(bytes: Uint8Array): Promise<void> {
    this.check();
    if (bytes.length === 0 || this.#response.write(bytes)) return;
    const timer = setTimeout(() => this.cut(), this.#stallMs);
    // No race of promises: one that lives as long as a stream would gather them all.
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    clearTimeout(timer);
    this.check();
  }

  /** Breaks the answer off, so that nobody takes it for whole. */
  cut(): void {
    this.#response.destroy();
  }
}
