import { XsError } from "../../core/error.ts";
import type { AppendCondition, AppendRequest, Change, TakenContent } from "../types.ts";
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
    const [line = ""] = await this.appendAll([request], condition);
    return line;
  }

  /** As {@link Store.appendAll}. */
  async appendAll(
    requests: readonly AppendRequest[],
    { expectLast, idempotencyKey }: AppendCondition = {},
  ): Promise<string[]> {
    try {
      return await this.#writer.write((transaction) => {
        const append = () => {
          if (expectLast !== undefined) {
            const topic = requests[0]?.topic ?? "";
            checkLast(topic, this.#parts.log.newest(transaction, topic) ?? null, expectLast);
          }
          for (const { content } of requests)
            if (content?.known) this.#checkKnown(transaction, content.hash);
          return requests.map((request) => this.#append(transaction, request));
        };
        return idempotencyKey === undefined
          ? append()
          : this.#parts.answers.once(transaction, idempotencyKey, requests, append);
      });
    } finally {
      for (const { content } of requests) this.#content.unpin(content);
    }
  }

  /** As {@link Store.apply}. */
  async apply(changes: readonly Change[]): Promise<string[]> {
    try {
      return await this.#writer.write((transaction) => {
        const lines: string[] = [];
        for (const change of changes) {
          if ("append" in change) lines.push(this.#append(transaction, change.append));
          else if ("delete" in change)
            this.#kv.deleteNow(transaction, change.delete, change.writer ?? null);
          else this.#kv.putNow(transaction, { ...change.put, writer: change.writer ?? null });
        }
        return lines;
      });
    } finally {
      for (const change of changes)
        if ("append" in change) this.#content.unpin(change.append.content);
    }
  }

  /** As {@link Store.keep}. */
  async keep(...contents: readonly TakenContent[]): Promise<void> {
    try {
      if (!contents.some(({ bytes }) => bytes)) return;
      await this.#writer.write((transaction) => {
        for (const content of contents) this.#stage(transaction, content);
      });
    } finally {
      for (const content of contents) this.#content.unpin(content);
    }
  }

  #append(transaction: Transaction, request: AppendRequest): string {
    const line = this.#parts.log.append(transaction, request);
    if (request.content) this.#stage(transaction, request.content);
    const { appended } = transaction;
    appended.frames++;
    appended.bytes += Buffer.byteLength(line) + 1;
    appended.contentBytes += request.content?.size ?? 0;
    return line;
  }

  #stage(transaction: Transaction, content: TakenContent): void {
    const { hash, bytes, ephemeral } = content;
    if (!bytes) return;
    if (ephemeral) this.#parts.contentTables.stage(content);
    else transaction.add({ kind: "content", hash, bytes });
  }

  #checkKnown(transaction: Transaction, hash: string): void {
    if (!this.#content.has(hash)) transaction.settle();
    if (this.#content.has(hash)) return;
    throw new XsError("content_not_found", `there is no content ${hash} in this store`);
  }
}
