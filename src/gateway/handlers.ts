/** What the gateway asks of the handlers. */
export interface Handlers {
  /** Whether one takes frames of a topic, also while it does not run. */
  takes(topic: string): Promise<boolean>;
  /** Whether none runs because the server was started so. */
  readonly isPaused: boolean;
  /** Whether one of requests has failed for good, and nothing has come in its place. */
  readonly someFailed: boolean;
  /**
   * Resolves once no handler will answer a request, with what those that took it failed of. `forget` is
   * called when nobody waits for it any more.
   */
  unanswered(id: string): {
    readonly over: Promise<{ readonly reasons: readonly string[] }>;
    forget(): void;
  };
}
