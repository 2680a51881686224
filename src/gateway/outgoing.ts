import type { ServerResponse } from "node:http";
import { Signal } from "../lib/signal.ts";

/** The client left before its response was complete. */
export class ClientGone extends Error {
  override readonly name = "ClientGone";
}

/** Writes to one client at its pace: each write waits until the client has read enough of the earlier ones. */
export class Outgoing {
  readonly #response: ServerResponse;
  readonly #stallMs: number;
  #gone = false;
  readonly #drained = new Signal();

  /**
   * @param stallMs a client that reads nothing for this long, in ms, counts as gone
   * @param left is called when the client has left
   */
  constructor(response: ServerResponse, stallMs: number, left: () => void) {
    this.#response = response;
    this.#stallMs = stallMs;
    // The client may have left while its request waited.
    this.#gone = response.destroyed;
    response.on("close", () => {
      if (response.writableFinished) return;
      this.#gone = true;
      this.#drained.wake();
      left();
    });
    response.on("drain", () => this.#drained.wake());
    // "close" reports the error as well; without this listener it would end the process.
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
    // Not Promise.race: a promise that lives as long as a stream would collect a reaction for each write.
    await this.#drained.wait();
    clearTimeout(timer);
    this.check();
  }

  /** Breaks the response off, so that the client does not take it for complete. */
  cut(): void {
    this.#response.destroy();
  }
}
