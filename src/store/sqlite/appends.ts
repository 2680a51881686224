import { XsError } from "../../core/error.ts";
import type { AppendCondition, AppendRequest, Change } from "../types.ts";
import type { Transaction } from "./commit/transaction.ts";
import type { Writer } from "./commit/writer.ts";
import type { ContentStore } from "./content/content.ts";
import type { KvStore } from "./kv/kv.ts";
import { checkLast } from "./log/expect-last.ts";
import type { Parts } from "./parts.ts";

/** Appends frames, alone, with conditions, or as part of a step with entries. */
export class Appends {
  readonly #parts: Parts;
  readonly #writer: Writer;
  readonly #content: ContentStore;
  readonly #kv: KvStore;

  constructor(parts: Parts, writer: Writer, content: ContentStore, kv: KvStore) {
    this.#parts = parts;
    this.#writer = writer;
    this.#content = content;
    this.#kv = kv;
  }

  /** As {@link Store.append}. */
  async append(request: AppendRequest, condition?: AppendCondition): Promise<string> {
    const isPlain = condition?.expectLast === undefined && !condition?.idempotencyKey;
    if (isPlain && !request.content) {
      return this.#writer.write((transaction) => this.#append(transaction, request));
    }
    const [line = ""] = await this.apply([{ append: request }], condition);
    return line;
  }

  /** As {@link Store.apply}. */
  async apply(
    changes: readonly Change[],
    { expectLast, idempotencyKey }: AppendCondition = {},
  ): Promise<string[]> {
    const requests: AppendRequest[] = [];
    for (const change of changes) if ("append" in change) requests.push(change.append);
    try {
      return await this.#writer.write((transaction) => {
        const apply = () => {
          if (expectLast !== undefined) {
            const topic = requests[0]?.topic ?? "";
            checkLast(topic, this.#parts.log.newest(transaction, topic) ?? null, expectLast);
          }
          for (const { content } of requests)
            if (content?.known) this.#checkKnown(transaction, content.hash);
          return this.#apply(transaction, changes);
        };
        return idempotencyKey === undefined
          ? apply()
          : this.#parts.answers.once(transaction, idempotencyKey, requests, apply);
      });
    } finally {
      for (const { content } of requests) this.#content.unpin(content);
    }
  }

  #apply(transaction: Transaction, changes: readonly Change[]): string[] {
    const lines: string[] = [];
    for (const change of changes) {
      if ("append" in change) lines.push(this.#append(transaction, change.append));
      else if ("remove" in change)
        this.#parts.log.remove(transaction, change.remove, this.#parts.clock.now());
      else if ("delete" in change)
        this.#kv.deleteNow(transaction, change.delete, change.writer ?? null);
      else this.#kv.putNow(transaction, { ...change.put, writer: change.writer ?? null });
    }
    return lines;
  }

  #append(transaction: Transaction, request: AppendRequest): string {
    const line = this.#parts.log.append(transaction, request);
    if (request.content) this.#content.stage(transaction, request.content);
    const { appended } = transaction;
    appended.frames++;
    appended.bytes += Buffer.byteLength(line) + 1;
    appended.contentBytes += request.content?.size ?? 0;
    return line;
  }

  #checkKnown(transaction: Transaction, hash: string): void {
    if (!this.#content.has(hash)) transaction.settle();
    if (this.#content.has(hash)) return;
    throw new XsError("content_not_found", `there is no content ${hash} in this store`);
  }
}
