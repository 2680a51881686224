import type { Access } from "../core/access.ts";
import type { ErrorCode, XsError } from "../core/error.ts";
import type { Nodes } from "../store/nodes.ts";
import type { Records } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import type { Tokens } from "../store/tokens.ts";
import type { ImportFrame } from "../store/types.ts";
import type { Rooms } from "./room.ts";

/**
 * Answers one request to a store. It never rejects: the response to a failure is a problem document.
 *
 * @param access what the token of the request may do; absent for the owner
 */
export type Api = (request: Request, access?: Access) => Promise<Response>;

/** A request, with everything a route needs to answer it. */
export interface Call {
  /** With a token, only what that may see and do. */
  readonly store: Store;
  /** What the token of the request may do; undefined for the owner. */
  readonly access: Access | undefined;
  readonly request: Request;
  readonly url: URL;
  /** The number of responses with each error code so far. */
  readonly errors: ReadonlyMap<ErrorCode, number>;
  readonly context: ApiContext;
  readonly rooms: Rooms;
}

/** The parts of the program around the store that the API asks or informs. */
export interface ApiContext {
  /** The tokens that requests over TCP may bring; absent where no such requests come. */
  readonly tokens?: Tokens;
  /** The rows of `xs ps`: the running generators and handlers; with `all` those that have ended too. */
  processors?(all: boolean): readonly object[] | Promise<readonly object[]>;
  /** How far this node of a store on several machines is; absent on one machine. */
  readonly records?: Records;
  /** The generators and handlers that the next start of a server would run. */
  nextStart?(): Promise<readonly Processor[]>;
  /** What the server that this process is says of itself in `GET /-/info`; absent where a command opened the store. */
  server?(): object;
  /** This process appends what is scheduled when it is due; otherwise that waits for the next start of a server. */
  readonly appendsDue?: boolean;
  /** The ids of the frames about processors that stay, whatever is removed: the runtime needs them to go on. */
  neededFrames?(): Promise<ReadonlySet<string>>;
  /** Receives lifecycle frames before an import adds them, so that the running server ignores them. */
  imported?(frames: readonly ImportFrame[]): void;
  /** The nodes of a store on several machines, where this process serves one of them. */
  readonly nodes?: Nodes;
  /** Receives the error of a response that broke off midway. */
  brokeOff?(error: XsError): void;
  /** The reason to refuse a connection that may last; undefined while there is room. */
  crowded?(): string | undefined;
}

/** A generator or handler; `spawn_id` is the id of the frame that asks for it. */
export interface Processor {
  readonly kind: "generator" | "handler";
  readonly name: string;
  readonly spawn_id: string;
}
