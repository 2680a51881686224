import type { Msg } from "@nats-io/transport-node";
import { XsError } from "../../../core/error.ts";
import { Fenced } from "../journal.ts";
import { cut, isEnd, join } from "./framing.ts";
import { type ApiError, jsonOf, type Link, type Silence, unreachable } from "./link.ts";
import { fromLeader, fromReplica } from "./stored.ts";
import { askInfo, STREAM_NOT_FOUND } from "./stream.ts";

/** What the server says where another record may be in this place. */
const WRONG_LAST_SEQUENCE = [10_071, 10_164];
/** What it says where the batch, not its place, is the trouble: its leader changed amid it, or others are too many. */
const BATCH_LOST = [10_176, 10_210, 10_211];
/** How long a stream must end before the place of a record until that place is wrong, in ms: a leader may just change. */
const BEHIND_MS = 500;

/** Puts records at the end of a stream, each once, whatever is lost on the way. */
export class Appender {
  readonly #link: Link;
  readonly #stream: string;
  readonly #subject: string;
  /** How long it tries, in ms. */
  readonly #ms: number;

  constructor(link: Link, stream: string, subject: string, ms: number) {
    this.#link = link;
    this.#stream = stream;
    this.#subject = subject;
    this.#ms = ms;
  }

  /** As `Journal.append`. @param room the size of a message, in bytes */
  async append(expected: number, record: Uint8Array, room: number): Promise<number> {
    const messages = cutOrRefuse(record, room);
    const [only] = messages;
    /** Since when nothing leads to this place; undefined if it may, or if a try may yet arrive. */
    let behind: number | undefined;
    let isUnknown = false;
    /** Why the server would not take it yet. */
    let said: string | undefined;
    const outcome = this.#link.persist(`record ${expected + 1}`, this.#ms, async (ms) => {
      const answer =
        messages.length === 1 && only
          ? await this.#publish(only, expected, ms)
          : await this.#publishBatch(messages, expected, ms);
      said = undefined;
      // The same bytes go out again: a second copy is refused, and found to be ours.
      if (typeof answer === "string") {
        isUnknown ||= answer === "late";
        return undefined;
      }
      const { error, seq } = jsonOf<{ error?: ApiError; seq?: number }>(answer) ?? {};
      if (!error) {
        isUnknown ||= seq === undefined;
        return seq;
      }
      if (WRONG_LAST_SEQUENCE.includes(error.err_code)) {
        const settled = await this.#settle(join(messages), expected, ms);
        if (settled !== "behind") return settled;
        behind ??= performance.now();
        if (!isUnknown && performance.now() - behind > BEHIND_MS) {
          throw new Fenced(`no record leads to ${expected + 1}`, true);
        }
        return undefined;
      }
      if (error.code === 503 || BATCH_LOST.includes(error.err_code)) {
        said = error.description;
        return undefined;
      }
      throw refusal(this.#stream, error);
    });
    return await outcome.catch((error) => {
      throw said === undefined
        ? error
        : unreachable(`record ${expected + 1}: NATS says: ${said}`, error);
    });
  }

  async #publish(message: Uint8Array, expected: number, ms: number): Promise<Msg | Silence> {
    return await this.#link.request(this.#subject, message, ms, {
      "Nats-Expected-Last-Sequence": String(expected),
    });
  }

  /** All messages or none. The client's own batches hide what the server refuses, so the headers are set here. */
  async #publishBatch(
    messages: readonly Uint8Array[],
    expected: number,
    ms: number,
  ): Promise<Msg | Silence> {
    // A part that still travels from a try before belongs to another batch.
    const id = crypto.randomUUID();
    let answer: Msg | Silence = "late";
    for (const [i, message] of messages.entries()) {
      answer = await this.#link.request(this.#subject, message, ms, {
        "Nats-Batch-Id": id,
        "Nats-Batch-Sequence": String(i + 1),
        ...(i === 0 && { "Nats-Expected-Last-Sequence": String(expected) }),
        ...(i === messages.length - 1 && { "Nats-Batch-Commit": "1" }),
      });
      // An empty answer: the server has taken this part. Else it says why it takes no more of them.
      if (typeof answer === "string" || answer.data.length > 0) return answer;
    }
    return answer;
  }

  /**
   * Something may be where a record is to be. Undefined if nothing is there yet, so that it is tried again; "behind" if
   * the stream ends before that place. It compares bytes, not messages: the size of those may have changed since.
   */
  async #settle(
    record: Uint8Array,
    expected: number,
    ms: number,
  ): Promise<number | "behind" | undefined> {
    let compared = 0;
    for (let seq = expected + 1; ; seq++) {
      const found = await this.#at(seq, ms);
      if (found === "trimmed") throw new Fenced(`what was at ${seq} is removed`);
      if (found === "behind") return seq === expected + 1 ? "behind" : undefined;
      if (!found) return undefined;
      const bytes = found.subarray(1);
      const end = compared + bytes.length;
      const isSame =
        Buffer.compare(bytes, record.subarray(compared, end)) === 0 &&
        isEnd(found) === (end === record.length);
      if (!isSame) throw new Fenced(`another record is at ${expected + 1}`);
      if (isEnd(found)) return seq;
      compared = end;
    }
  }

  async #at(seq: number, ms: number): Promise<Uint8Array | "trimmed" | "behind" | undefined> {
    for (const ask of [fromReplica, fromLeader]) {
      const found = await ask(this.#link, this.#stream, { seq }, ms);
      if (found && found !== "late") return found.data;
    }
    const info = await askInfo(this.#link, this.#stream, ms);
    if (!info || info === "gone") return undefined;
    if (info.state.first_seq > seq) return "trimmed";
    return info.state.last_seq < seq - 1 ? "behind" : undefined;
  }
}

function cutOrRefuse(record: Uint8Array, room: number): Uint8Array[] {
  try {
    return cut(record, room);
  } catch (error) {
    throw new XsError(
      "body_too_large",
      `a commit of ${record.length} bytes is above what the journal takes: append less at once, or raise max_payload of the NATS servers`,
      { cause: error },
    );
  }
}

function refusal(stream: string, error: ApiError): XsError {
  if (error.err_code === STREAM_NOT_FOUND) return unreachable(`there is no stream ${stream}`);
  return unreachable(`NATS takes no record into ${stream}: ${error.description}`);
}
