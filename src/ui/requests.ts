import { makeHeadTrue } from "../api/listen.ts";
import { XsError } from "../core/error.ts";
import { parseId } from "../core/id.ts";
import { checkAllowed } from "./allowed.ts";
import { ACTIONS, type Action, type Backend, type Named } from "./backend.ts";
import { checkMethod } from "./check-method.ts";
import { nodesTable } from "./nodes-table.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import { dropHeaders, passedHeaders } from "./passed-headers.ts";
import { smallBody } from "./small-body.ts";

/** How long the server may take to say what kind of store it is, in ms. */
const INFO_MS = 2000;

/** The API of the store, as the page finds it below this. */
const API = "/api";

const JSON_TYPE = { headers: { "content-type": "application/json" } };

/** Answers the requests of a page that has shown its key. */
export class Requests {
  readonly #backend: Backend;
  readonly #states = new OneAtATime();
  readonly #ending = new AbortController();

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Ends the scripts that run for the page. */
  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#states.idle();
  }

  /** Why a link does not work, and how a person gets another one. */
  get newLink(): string {
    const how =
      this.#backend.owner === undefined
        ? "press Enter where  xs ui  runs for a new one, or run  xs ui  again"
        : "paste the token of the store here, from the file `token` in it, or run  xs ui";
    return `this link was used, or is too old: a link works once; ${how}`;
  }

  /** @throws XsError `unknown_path`, and what the store says */
  answer(request: Request, pathname: string, search: string): Response | Promise<Response> {
    if (pathname.startsWith(`${API}/`)) {
      return this.#ask(request, pathname.slice(API.length), search);
    }
    switch (pathname) {
      case "/about":
        return this.#about(request);
      case "/nodes":
        return this.#nodes(request);
      case "/state":
        return this.#state(request, new URLSearchParams(search));
      case "/do/processor":
        return this.#control(request);
      default:
        throw new XsError("unknown_path", `the inspector has nothing at ${pathname}`);
    }
  }

  async #about(request: Request): Promise<Response> {
    checkMethod(request, ["GET"], "GET what the inspector shows");
    const { name, control } = this.#backend;
    const nodes = await this.#hasNodes();
    return Response.json({ name, writes: control !== undefined, ...(nodes && { nodes }) });
  }

  async #nodes(request: Request): Promise<Response> {
    checkMethod(request, ["GET"], "GET the nodes of the store");
    const response = await this.#backend.ask("/-/nodes", { signal: request.signal });
    return Response.json(nodesTable(await response.text()));
  }

  /** Whether the store is on several machines. */
  async #hasNodes(): Promise<boolean> {
    try {
      const signal = AbortSignal.timeout(INFO_MS);
      const response = await this.#backend.ask("/-/info", { signal });
      const { features } = (await response.json()) as { features?: { nodes?: boolean } };
      return features?.nodes === true;
    } catch {
      // What is wrong shows in the views, which ask as well.
      return false;
    }
  }

  async #ask(request: Request, path: string, search: string): Promise<Response> {
    checkAllowed(request.method, path, this.#backend.control !== undefined);
    const { method, body, signal } = request;
    const headers = passedHeaders(request.headers);
    const response = await this.#backend
      .ask(`${path}${search}`, { method, headers, body, signal })
      .catch(notOurs);
    dropHeaders(response);
    return method === "HEAD" ? makeHeadTrue(response) : response;
  }

  async #state(request: Request, query: URLSearchParams): Promise<Response> {
    checkMethod(request, ["GET"], "GET the state of a handler");
    const name = query.get("name") ?? "";
    const given = query.get("at");
    if (name === "") throw new XsError("bad_option", "the state of which handler? give its name");
    if (given === null) {
      return new Response(await this.#backend.stateOf(name, undefined, request.signal), JSON_TYPE);
    }
    const at = parseId(given);
    const signal = AbortSignal.any([request.signal, this.#ending.signal]);
    const state = await this.#states.run(signal, () => this.#backend.stateOf(name, at, signal));
    return new Response(state, JSON_TYPE);
  }

  async #control(request: Request): Promise<Response> {
    checkMethod(request, ["POST"], "POST what to do with a processor");
    const { control } = this.#backend;
    if (!control) {
      throw new XsError(
        "forbidden",
        "the inspector only reads: start it with  xs ui --write  to stop and start processors",
      );
    }
    const { action, ...processor } = parseControl(await smallBody(request));
    const { isDone, text } = await control(processor, action);
    return Response.json({ done: isDone, text });
  }
}

/** A store that refuses the token says nothing of the key of the page, which would ask for another one. */
function notOurs(error: unknown): never {
  if (!(error instanceof XsError) || error.code !== "unauthorized") throw error;
  throw new XsError("forbidden", error.message, { cause: error });
}

/** @throws XsError `bad_request` */
function parseControl(text: string): Named & { action: Action } {
  const { kind, name, action } = Object(jsonIn(text)) as Record<string, unknown>;
  const isKind = kind === "handler" || kind === "generator";
  const known = ACTIONS.find((each) => each === action);
  if (isKind && typeof name === "string" && name !== "" && known) {
    return { kind, name, action: known };
  }
  throw new XsError(
    "bad_request",
    `what to do is {"kind":"handler"|"generator","name":…,"action":${ACTIONS.map((each) => `"${each}"`).join("|")}}`,
  );
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
