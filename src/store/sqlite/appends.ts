import { XsError } from "../../core/error.ts";
import { hashOf } from "../../core/hash.ts";
import type { AppendCondition, AppendRequest, Change } from "../types.ts";
import type { Transaction } from "./commit/transaction.ts";
import type { Writer } from "./commit/writer.ts";
import type { ContentStore } from "./content/content.ts";
import type { KvStore } from "./kv/kv.ts";
import { checkLast } from "./log/expect-last.ts";
import { PastFrames } from "./log/past.ts";
import type { Parts } from "./parts.ts";
import type { ScheduledRows } from "./scheduled/scheduled-rows.ts";

/** Appends frames, alone, with conditions, or as part of a step with entries. */
export class Appends {
  readonly #parts: Parts;
  readonly #writer: Writer;
  readonly #content: ContentStore;
  readonly #kv: KvStore;
  readonly #scheduled: ScheduledRows;

  constructor(
    parts: Parts,
    writer: Writer,
    content: ContentStore,
    kv: KvStore,
    scheduled: ScheduledRows,
  ) {
    this.#parts = parts;
    this.#writer = writer;
    this.#content = content;
    this.#kv = kv;
    this.#scheduled = scheduled;
  }

  /** As {@link Store.append}. */
  async append(request: AppendRequest, condition?: AppendCondition): Promise<string> {
    const { expectLast, idempotencyKey, epoch } = condition ?? {};
    const isPlain = expectLast === undefined && !idempotencyKey && epoch === undefined;
    if (isPlain && !request.content && request.at === undefined) {
      return this.#writer.write((transaction) => this.appendNow(transaction, request));
    }
    const [line = ""] = await this.apply([{ append: request }], condition);
    return line;
  }

  /** As {@link Store.apply}. */
  async apply(
    changes: readonly Change[],
    { expectLast, idempotencyKey, epoch }: AppendCondition = {},
  ): Promise<string[]> {
    const requests: AppendRequest[] = [];
    for (const change of changes) if ("append" in change) requests.push(change.append);
    const isTimed = requests.some(({ at }) => at !== undefined);
    try {
      return await this.#writer.write((transaction) => {
        if (epoch !== undefined) this.#writer.checkEpoch(epoch);
        const apply = () => {
          if (expectLast !== undefined) {
            const topic = requests[0]?.topic ?? "";
            checkLast(topic, this.#parts.log.newest(transaction, topic) ?? null, expectLast);
          }
          for (const { content } of requests)
            if (content?.known) this.#checkKnown(transaction, content.hash);
          return isTimed
            ? this.#applyTimed(transaction, changes, requests)
            : this.#apply(transaction, changes, (request) => this.appendNow(transaction, request));
        };
        return idempotencyKey === undefined
          ? apply()
          : this.#parts.answers.once(transaction, idempotencyKey, fingerprint(requests), apply);
      }, epoch !== undefined);
    } finally {
      for (const { content } of requests) this.#content.unpin(content);
    }
  }

  /** Appends a frame with a new id, and returns its line. Inside a write. */
  appendNow(transaction: Transaction, request: AppendRequest): string {
    return this.#count(transaction, request, this.#parts.log.append(transaction, request));
  }

  #apply(
    transaction: Transaction,
    changes: readonly Change[],
    append: (request: AppendRequest) => string,
  ): string[] {
    const lines: string[] = [];
    for (const change of changes) {
      if ("append" in change) lines.push(append(change.append));
      else if ("remove" in change)
        this.#parts.log.remove(transaction, change.remove, this.#parts.clock.now());
      else if ("delete" in change)
        this.#kv.deleteNow(transaction, change.delete, change.writer ?? null);
      else this.#kv.putNow(transaction, { ...change.put, writer: change.writer ?? null });
    }
    return lines;
  }

  /** The same where some of the frames are for other times: all that may be refused is found first. */
  #applyTimed(
    transaction: Transaction,
    changes: readonly Change[],
    requests: readonly AppendRequest[],
  ): string[] {
    const now = this.#parts.clock.real();
    const past = new PastFrames(this.#parts, transaction);
    let scheduled = 0;
    for (const request of requests) {
      const { at } = request;
      if (at === undefined) continue;
      if (at > now) scheduled++;
      else if (!request.mayBeOver) past.check(request, at);
    }
    if (scheduled > 0) this.#scheduled.checkRoom(transaction, scheduled, requests[0]?.token);
    const lines = this.#apply(transaction, changes, (request) => {
      const { at, content } = request;
      if (at === undefined) return this.appendNow(transaction, request);
      if (at <= now) return this.#count(transaction, request, past.add(request, at));
      if (content) this.#content.stage(transaction, content);
      return this.#scheduled.add(transaction, request, at);
    });
    past.commit();
    return lines;
  }

  /** Adds the content of a frame, and counts the frame. */
  #count(transaction: Transaction, { content }: AppendRequest, line: string): string {
    if (content) this.#content.stage(transaction, content);
    const { appended } = transaction;
    appended.frames++;
    appended.bytes += Buffer.byteLength(line) + 1;
    appended.contentBytes += content?.size ?? 0;
    return line;
  }

  #checkKnown(transaction: Transaction, hash: string): void {
    if (!this.#content.has(hash)) transaction.settle();
    if (this.#content.has(hash) && !transaction.frees(hash)) return;
    throw new XsError("content_not_found", `there is no content ${hash} in this store`);
  }
}

/** What an idempotency key stands for. */
function fingerprint(requests: readonly AppendRequest[]): string {
  const parts = requests.map(({ topic, meta, ttl, content, at }) => [
    topic,
    meta,
    ttl.text,
    content?.hash ?? null,
    ...(at === undefined ? [] : [at]),
  ]);
  return hashOf(Buffer.from(JSON.stringify(parts)));
}
