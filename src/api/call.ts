import type { ErrorCode, XsError } from "../core/error.ts";
import type { Store } from "../store/store.ts";
import type { Rooms } from "./room.ts";

/** Answers one request to a store. Never rejects: a failure is a problem document. */
export type Api = (request: Request) => Promise<Response>;

/** What a resource is given to answer a request. */
export interface Call {
  readonly store: Store;
  readonly request: Request;
  readonly url: URL;
  /** How often each error was answered so far. */
  readonly errors: ReadonlyMap<ErrorCode, number>;
  readonly context: ApiContext;
  readonly rooms: Rooms;
}

/** What there is around a store that the API tells of. */
export interface ApiContext {
  /** The rows of `xs ps`: what runs on the stream. */
  processors?(): readonly object[] | Promise<readonly object[]>;
  /** What the next start of a server would run. */
  nextStart?(): Promise<readonly Expected[]>;
  /** Told of frames that an import is about to bring: they ask nothing of a server that runs. */
  imported?(ids: readonly string[]): void;
  /** Told of answers that broke off after they had begun. */
  brokeOff?(error: XsError): void;
  /** Why there is no room for a connection that may last, where there is none. */
  crowded?(): string | undefined;
}

/** A generator or handler, by the frame that asks for it. */
export interface Processor {
  readonly kind: "generator" | "handler";
  readonly name: string;
  readonly spawn_id: string;
}

/** One that the next start would run. */
export interface Expected extends Processor {
  /** The spawn that it tries and, where there is one, that which runs if it does not load. */
  readonly spawns: readonly string[];
}
