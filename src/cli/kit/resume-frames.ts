import type { Client } from "../../client/client.ts";
import { XsError } from "../../core/error.ts";
import { idInLine } from "../../core/frame.ts";
import { limitIn } from "./following.ts";
import { linesOf } from "./response-lines.ts";
import type { Resume } from "./resume.ts";

/** Read options that name a start. A read that goes on has another one. */
const STARTS = ["last-id", "after", "from", "tail", "new", "last", "order"];

/** At least so many frames before a threshold are remembered. */
const MIN_RECENT = 25_000;

const THRESHOLD = '{"topic":"stream.cross.threshold",';
const PULSE = '{"topic":"stream.cross.pulse",';

/**
 * A following read of frames, over many connections: each frame comes once, and one threshold.
 *
 * The history comes in the order of ids, so in its midst no id is a place in the order of arrival, where a read that
 * follows could go on. A connection that breaks there is followed by two reads: one of the frames that are left, in the
 * order of ids, then one of all that arrived since the beginning, without the frames that came already.
 */
export class FrameResume implements Resume {
  readonly #path: string;
  /** The path of a read that goes on. */
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;
  /** Without options for the start. */
  readonly #query: URLSearchParams;
  readonly #skipsHistory: boolean;
  #left: number;
  #hadThreshold = false;
  /** In the order of ids; or by arrival, which is where a read can go on after any frame. */
  #phase: "history" | "rest" | "arrival";
  /** The newest frame when the read began, or nothing in an empty store. */
  #begin: string | undefined;
  /** The read goes by arrival from `#begin` on, whatever the command line asked for. */
  #wentOn = false;
  /**
   * The highest id that came by arrival: where the read goes on. A lower one is that of a late frame, which may be gone
   * when the server is back, and then is no place any more.
   */
  #place: string | undefined;
  /** What came after that frame, and will come again. */
  readonly #afterPlace = new Set<string>();
  /** The highest id of the history so far. */
  #highest: string | undefined;
  /** What came of the history and may come again, by arrival. It does no harm to have more of it here. */
  readonly #early = new Set<string>();
  /** What arrived since `#begin` and may be in the history. */
  #gap: Set<string> | undefined;
  /** The last frames of the history, in two parts: they may have come by arrival, before the threshold. */
  #recent = new Set<string>();
  #lessRecent = new Set<string>();

  constructor(path: string, headers: Readonly<Record<string, string>>) {
    this.#path = path;
    this.#headers = headers;
    const [base = "/"] = path.split("?");
    this.#base = base === "/last" ? "/" : base.replace(/^\/last\//, "/stream/");
    this.#left = limitIn(path) ?? Infinity;
    const query = new URLSearchParams(path.split("?")[1]);
    this.#skipsHistory = query.has("tail") || query.get("last") === "0";
    const byArrival = query.has("last-id") || query.get("order") === "arrival";
    this.#phase = byArrival ? "arrival" : "history";
    for (const name of STARTS) query.delete(name);
    this.#query = query;
  }

  get isDone(): boolean {
    return this.#left <= 0;
  }

  async open(ask: Client["request"]): Promise<Response> {
    const init = { headers: this.#headers };
    if (this.#phase !== "history" || this.#highest !== undefined) {
      return await ask(this.#nextPath(), init);
    }
    this.#begin = await newestId(ask);
    const response = await ask(this.#path, init);
    if (this.#skipsHistory) this.#goByArrival();
    // Beside the read. Until it is known, and where it fails, everything counts as in the gap.
    else void this.#findGap(this.#begin, ask).catch(() => {});
    return response;
  }

  /** Finds out what arrived between the request for the newest frame and the read, which counts it as history. */
  async #findGap(begin: string | undefined, ask: Client["request"]): Promise<void> {
    this.#gap = undefined;
    if (begin === undefined) return;
    const query = new URLSearchParams({ "last-id": begin, order: "arrival" });
    const topic = this.#query.get("topic");
    if (topic !== null) query.set("topic", topic);
    const gap = new Set<string>();
    for await (const line of linesOf(await ask(`${this.#base}?${query}`))) gap.add(idInLine(line));
    if (this.#begin === begin) this.#gap = gap;
  }

  take(line: string): string[] {
    const id = idInLine(line);
    const isThreshold = line.startsWith(THRESHOLD);
    const isKnown = this.#afterPlace.has(id) || (this.#phase === "arrival" && this.#early.has(id));
    if (this.#phase === "arrival" || isThreshold) this.#arrived(id);
    if (isThreshold) {
      this.#phase = "arrival";
      this.#gap = undefined;
      for (const ids of [this.#early, this.#recent, this.#lessRecent]) ids.clear();
      if (this.#hadThreshold) return [];
      this.#hadThreshold = true;
      return [line];
    }
    if (line.startsWith(PULSE)) return [line];
    if (isKnown) return [];
    if (this.#phase !== "arrival") this.#note(id);
    this.#left--;
    return [line];
  }

  goesOn(): boolean {
    if (this.#phase !== "rest") return false;
    this.#goByArrival();
    return true;
  }

  #arrived(id: string): void {
    if (id < (this.#place ?? "")) {
      this.#afterPlace.add(id);
      return;
    }
    this.#place = id;
    this.#afterPlace.clear();
  }

  /** Remembers a frame of the history that may have arrived after the read began. */
  #note(id: string): void {
    const highest = this.#highest ?? "";
    const isInGap = this.#gap?.has(id) ?? true;
    const isEarly = isInGap || this.#phase === "rest" || id < highest || id > (this.#begin ?? "");
    if (isEarly) this.#early.add(id);
    else this.#recent.add(id);
    if (this.#recent.size >= MIN_RECENT) {
      this.#lessRecent = this.#recent;
      this.#recent = new Set();
    }
    if (id > highest) this.#highest = id;
  }

  #goByArrival(): void {
    this.#phase = "arrival";
    this.#wentOn = true;
    this.#place = this.#begin;
    this.#afterPlace.clear();
  }

  /** The path of a read that goes on. */
  #nextPath(): string {
    const query = new URLSearchParams(this.#query);
    // Frames that are left out do not count.
    const leavesOut = this.#phase === "arrival" && this.#early.size + this.#afterPlace.size > 0;
    if (this.#left !== Infinity && !leavesOut) query.set("limit", String(this.#left));
    else query.delete("limit");
    if (this.#phase !== "arrival") {
      this.#phase = "rest";
      for (const id of [...this.#lessRecent, ...this.#recent]) this.#early.add(id);
      query.set("last-id", this.#highest ?? "");
      query.delete("follow");
    } else if (this.#place !== undefined) query.set("last-id", this.#place);
    // The store was empty when the read began.
    else if (this.#wentOn) query.set("order", "arrival");
    else return this.#path;
    return `${this.#base}?${query}`;
  }
}

/** The newest id of the store, which everything that arrives later comes after. */
async function newestId(ask: Client["request"]): Promise<string | undefined> {
  try {
    return idInLine(await (await ask("/last")).text());
  } catch (error) {
    if (error instanceof XsError && error.code === "not_found") return undefined;
    throw error;
  }
}
