/** A request and its response, as they were run against a server. */
export interface Example {
  /** The name in the path. */
  readonly name?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON, or text. */
  readonly body?: unknown;
  /** The media type of the body; needed where its route takes several. */
  readonly type?: string;
  readonly status: number;
  /** JSON, or text. */
  readonly response?: unknown;
  /** The media type of the response; JSON by default. */
  readonly responseType?: string;
}

/** An example for each route. They are run as tests. */
export const EXAMPLES: Readonly<Record<string, Example>> = {};
