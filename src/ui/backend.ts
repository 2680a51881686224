/** What may be done with a processor. */
export const ACTIONS = ["stop", "start", "restart"] as const;
export type Action = (typeof ACTIONS)[number];

/** A processor, by its name. */
export interface Named {
  readonly kind: "handler" | "generator";
  readonly name: string;
}

/** What became of a request about a processor: it is done, or to come, or there was nothing to do; the text says it. */
export interface Outcome {
  readonly isDone: boolean;
  readonly text: string;
}

/** The store behind the inspector, and what a command does beside its API. The starter of the inspector provides it. */
export interface Backend {
  /** The address of the store, for the page's title, without a token. */
  readonly name: string;
  /** The token of the owner, where it may stand for a link: in a server, which prints one link alone. */
  readonly owner?: string;
  /** Answers a request to the API of the store: its path, and what `fetch` takes. */
  ask(path: string, init: RequestInit): Promise<Response>;
  /**
   * The state of a handler as JSON text: now or, with the id of a frame, `{"before":…,"after":…}` around it, for which its
   * script runs again.
   *
   * @throws XsError `not_found`, `bad_request` with the reason
   */
  stateOf(name: string, at: string | undefined, signal: AbortSignal): Promise<string>;
  /** Stops, starts or restarts a processor, and waits until that is done. Absent where the page only reads. */
  readonly control?: (processor: Named, action: Action) => Promise<Outcome>;
}
