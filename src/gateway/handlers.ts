/** The questions that the gateway asks the handlers. */
export interface Handlers {
  /** Resolves to true if a handler takes frames of a topic, even if it is not running now. */
  takes(topic: string): Promise<boolean>;
  /** No handler runs, because the server was started without processors. */
  readonly isPaused: boolean;
  /** A handler of requests has failed for good, and no other has replaced it. */
  readonly someFailed: boolean;
  /**
   * `over` resolves once no handler will answer a request, with the errors of those that tried. The caller
   * calls `forget` when it stops waiting.
   */
  unanswered(id: string): {
    readonly over: Promise<{ readonly reasons: readonly string[] }>;
    forget(): void;
  };
}
