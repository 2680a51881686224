import type { ServerResponse } from "node:http";

/** The client has left before its answer was whole. */
export class ClientGone extends Error {
  override readonly name = "ClientGone";
}

/** The way to one client, at its pace: nothing is written while it has not taken what was. */
export class Outgoing {
  readonly response: ServerResponse;
  /** Rejects with {@link ClientGone} when the client has left. */
  readonly gone: Promise<never>;
  readonly #stallMs: number;

  /** @param stallMs a client that takes nothing for so long has left */
  constructor(response: ServerResponse, stallMs: number) {
    this.response = response;
    this.#stallMs = stallMs;
    this.gone = new Promise((_, reject) => {
      response.on("close", () => {
        if (!response.writableFinished) reject(new ClientGone());
      });
    });
    // Not everybody who holds this waits for it.
    this.gone.catch(() => {});
    // Told by "close" as well; without a listener it would end the process.
    response.on("error", () => {});
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0 || this.response.write(bytes)) return;
    const drained = Promise.withResolvers<void>();
    this.response.once("drain", drained.resolve);
    const timer = setTimeout(() => this.cut(), this.#stallMs);
    try {
      await Promise.race([drained.promise, this.gone]);
    } finally {
      clearTimeout(timer);
      this.response.off("drain", drained.resolve);
    }
  }

  /** Breaks the answer off, so that nobody takes it for whole. */
  cut(): void {
    this.response.destroy();
  }
}
