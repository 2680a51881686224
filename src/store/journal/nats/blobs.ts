import { XsError } from "../../../core/error.ts";
import { streamOf } from "../../../lib/streams.ts";
import type { BlobInfo, Blobs } from "../journal.ts";
import { HEADER_ROOM } from "./framing.ts";
import { type ApiError, jsonOf, type Link, unreachable } from "./link.ts";
import { fromLeader, fromReplica, type Stored } from "./stored.ts";
import { blobStream, MAX_FILE_BYTES } from "./stream.ts";

/** A blob is stored in parts of about this size, in bytes. */
const PART_BYTES = 1_048_576;
/** The name of a blob that fills a file. */
const PAD = "pad";
/** How long to try for one part, in ms: an election of the servers must not end an upload of an hour. */
const PART_MS = 20_000;
/** How many names to ask for at once. */
const PAGE = 256;
const LIST_MS = 5000;
/** Which part it is, so that one which a replica skips is missed at once. */
const PART_HEADER = "Xs-Part";
const WRONG_LAST_SEQUENCE = [10_071, 10_164];

/** What the object store of JetStream keeps of an object. */
interface Meta {
  readonly name: string;
  readonly bucket: string;
  readonly nuid: string;
  readonly size: number;
  readonly chunks: number;
  readonly digest: string;
  readonly mtime: string;
  readonly deleted?: boolean;
}

/** Blobs in the layout of JetStream's object store, so that `nats object` shows them. */
export class NatsBlobs implements Blobs {
  readonly #link: Link;
  readonly #stream: string;
  readonly #bucket: string;
  /** How long a question for a name tries, in ms. */
  readonly #ms: number;

  /** How long to ask for a part that a replica has lost, in ms. */
  readonly #repairMs: number;

  constructor(link: Link, ms: number, repairMs: number) {
    const { name, bucket } = blobStream(link.address.name);
    this.#link = link;
    this.#stream = name;
    this.#bucket = bucket;
    this.#ms = ms;
    this.#repairMs = repairMs;
  }

  async put(name: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const before = await this.#meta(name);
    const nuid = crypto.randomUUID().replaceAll("-", "");
    const hasher = new Bun.CryptoHasher("sha256");
    let size = 0;
    let chunks = 0;
    try {
      let last = 0;
      for await (const part of inParts(bytes, this.#partBytes)) {
        hasher.update(part);
        size += part.length;
        last = await this.#putPart(nuid, chunks++, part, last);
      }
      const meta: Meta & { options: object } = {
        name,
        options: { max_chunk_size: this.#partBytes },
        bucket: this.#bucket,
        nuid,
        size,
        chunks,
        digest: `SHA-256=${padded(hasher.digest("base64url"))}`,
        mtime: new Date().toISOString(),
      };
      await this.#putMeta(name, meta);
    } catch (error) {
      await this.#purge(this.#partsOf(nuid)).catch(() => {});
      throw error;
    }
    if (before) await this.#purge(this.#partsOf(before.nuid));
  }

  async open(name: string): Promise<ReadableStream<Uint8Array> | undefined> {
    const meta = await this.#meta(name);
    return meta && streamOf(this.#read(meta));
  }

  async delete(name: string): Promise<void> {
    const meta = await this.#meta(name);
    if (!meta) return;
    // The name goes first, so that nobody opens what is half gone.
    await this.#purge(this.#subjectOf(name));
    await this.#purge(this.#partsOf(meta.nuid));
  }

  async erase(): Promise<void> {
    const names: string[] = [];
    for await (const { name } of this.list("")) names.push(name);
    // So that what comes next is in another file than what is there.
    await this.put(PAD, padding());
    for (const name of names) {
      const stream = await this.open(name);
      if (stream) await this.put(name, stream as AsyncIterable<Uint8Array>);
    }
    await this.delete(PAD);
  }

  /** What was put or deleted a moment ago may be missing or still there: it asks any replica. */
  async *list(prefix: string): AsyncGenerator<BlobInfo> {
    for await (const meta of this.#metas()) {
      if (!meta.name.startsWith(prefix)) continue;
      yield { name: meta.name, size: meta.size, ms: Date.parse(meta.mtime) };
    }
  }

  async sweep(before: number): Promise<void> {
    const filter = this.#partsOf("*");
    // First the parts: a put that ends meanwhile has its name then.
    const subjects = await this.#link.persist("the parts of blobs", this.#ms, async (ms) => {
      const info = await this.#link.api<{ state: { subjects?: Record<string, number> } }>(
        `STREAM.INFO.${this.#stream}`,
        { subjects_filter: filter },
        ms,
      );
      return !info || info.error ? undefined : Object.keys(info.state.subjects ?? {});
    });
    const named = new Set<string>();
    for await (const { nuid } of this.#metas()) named.add(this.#partsOf(nuid));
    for (const subject of subjects) {
      if (named.has(subject)) continue;
      const last = await fromLeader(this.#link, this.#stream, { last_by_subj: subject });
      if (last && last !== "late" && (last.ms ?? before) < before) await this.#purge(subject);
    }
  }

  async *#metas(): AsyncGenerator<Meta> {
    for (let from = 1; ; ) {
      const page = await this.#link.persist("the names of blobs", this.#ms, () => this.#page(from));
      for (const { meta, seq } of page) {
        from = seq + 1;
        if (!meta.deleted) yield meta;
      }
      if (page.length < PAGE) return;
    }
  }

  async #page(from: number): Promise<{ meta: Meta; seq: number }[] | undefined> {
    if (!this.#link.isConnected) return undefined;
    const which = { seq: from, next_by_subj: `$O.${this.#bucket}.M.>`, batch: PAGE };
    const page: { meta: Meta; seq: number }[] = [];
    try {
      const answers = await this.#link.nc.requestMany(
        this.#link.apiSubject(`DIRECT.GET.${this.#stream}`),
        JSON.stringify(which),
        { strategy: "sentinel", maxWait: LIST_MS },
      );
      for await (const { data, headers } of answers) {
        // The end of the page, or that there is none.
        if (data.length === 0) return headers?.code === 503 ? undefined : page;
        const seq = Number(headers?.get("Nats-Sequence"));
        page.push({ meta: JSON.parse(new TextDecoder().decode(data)) as Meta, seq });
      }
    } catch {
      return undefined;
    }
    // It was cut off: what has come is no whole page.
    return undefined;
  }

  /** The parts of a blob, checked. */
  async *#read(meta: Meta): AsyncGenerator<Uint8Array> {
    const hasher = new Bun.CryptoHasher("sha256");
    const broken = (why: string): XsError =>
      new XsError("content_damaged", `the blob ${meta.name} on NATS: ${why}`);
    let size = 0;
    let last = 0;
    for (let part = 0; part < meta.chunks; part++) {
      const which = { seq: last + 1, next_by_subj: this.#partsOf(meta.nuid) };
      const found = await this.#find(which, ({ headers }) =>
        ["", String(part)].includes(headers(PART_HEADER)),
      );
      if (!found) throw broken(`part ${part + 1} of ${meta.chunks} is gone`);
      last = found.seq;
      size += found.data.length;
      hasher.update(found.data);
      if (part < meta.chunks - 1) {
        yield found.data;
        continue;
      }
      // Before the last part is out, so that nobody takes what is damaged for whole.
      if (size !== meta.size) throw broken(`it has ${size} bytes, not ${meta.size}`);
      const digest = `SHA-256=${padded(hasher.digest("base64url"))}`;
      if (digest !== meta.digest) throw broken("its bytes are not those that were put");
      yield found.data;
    }
  }

  /** Asks the replicas and the leader until one has what is wanted. Undefined if none has it. */
  async #find(
    which: { seq: number; next_by_subj: string },
    isWanted: (stored: Stored) => boolean,
  ): Promise<Stored | undefined> {
    const end = performance.now() + this.#repairMs;
    let isSilent = true;
    for (let tries = 0; performance.now() < end; tries++) {
      if (tries > 1) await Bun.sleep(100);
      const ask = tries % 3 === 2 ? fromLeader : fromReplica;
      const found = await ask(this.#link, this.#stream, which, 2000);
      if (found && found !== "late" && isWanted(found)) return found;
      if (found !== "late") isSilent = false;
    }
    if (isSilent) throw unreachable("a part of a blob: no answer from NATS");
    return undefined;
  }

  /** What the leader knows under a name: a replica may be behind. */
  async #meta(name: string): Promise<Meta | undefined> {
    const which = { last_by_subj: this.#subjectOf(name) };
    const found = await this.#link.persist(`the blob ${name}`, this.#ms, async (ms) => {
      const stored = await fromLeader(this.#link, this.#stream, which, ms);
      return stored === "late" ? undefined : { stored };
    });
    if (!found.stored) return undefined;
    const meta = JSON.parse(new TextDecoder().decode(found.stored.data)) as Meta;
    return meta.deleted ? undefined : meta;
  }

  async #putMeta(name: string, meta: Meta): Promise<void> {
    await this.#link.persist(`the blob ${name}`, PART_MS, async (ms) => {
      // It takes the place of the one before; twice is as good as once.
      const answer = await this.#publish(this.#subjectOf(name), JSON.stringify(meta), ms, {
        "Nats-Rollup": "sub",
      });
      if (!answer || answer.error?.code === 503) return undefined;
      if (answer.error) throw refusal(answer.error);
      return true;
    });
  }

  /** Puts a part behind the one at `last`, once. Resolves to its own place. */
  async #putPart(nuid: string, part: number, bytes: Uint8Array, last: number): Promise<number> {
    const subject = this.#partsOf(nuid);
    return await this.#link.persist(`part ${part + 1} of a blob`, PART_MS, async (ms) => {
      const answer = await this.#publish(subject, bytes, ms, {
        "Nats-Expected-Last-Subject-Sequence": String(last),
        [PART_HEADER]: String(part),
      });
      if (!answer || answer.error?.code === 503) return undefined;
      if (!answer.error) return answer.seq;
      if (!WRONG_LAST_SEQUENCE.includes(answer.error.err_code)) throw refusal(answer.error);
      // A try before may have put it there, with its answer lost.
      const found = await fromLeader(this.#link, this.#stream, { last_by_subj: subject }, ms);
      const isOurs = found && found !== "late" && found.headers(PART_HEADER) === String(part);
      return isOurs ? found.seq : undefined;
    });
  }

  async #publish(
    subject: string,
    body: Uint8Array | string,
    ms: number,
    headers: Record<string, string>,
  ): Promise<{ seq?: number; error?: ApiError } | undefined> {
    const answer = await this.#link.request(subject, body, ms, headers);
    return typeof answer === "string" ? undefined : jsonOf(answer);
  }

  async #purge(subject: string): Promise<void> {
    await this.#link.persist("the removal of a blob", PART_MS, async (ms) => {
      const done = await this.#link.api(`STREAM.PURGE.${this.#stream}`, { filter: subject }, ms);
      if (!done || done.error?.code === 503) return undefined;
      if (done.error) throw refusal(done.error);
      return true;
    });
  }

  get #partBytes(): number {
    return Math.min(PART_BYTES, this.#link.maxPayload) - HEADER_ROOM;
  }

  #subjectOf(name: string): string {
    return `$O.${this.#bucket}.M.${padded(Buffer.from(name).toString("base64url"))}`;
  }

  #partsOf(nuid: string): string {
    return `$O.${this.#bucket}.C.${nuid}`;
  }
}

/** As Go encodes it, by which the other clients of NATS do. */
function padded(base64url: string): string {
  return base64url.padEnd(Math.ceil(base64url.length / 4) * 4, "=");
}

function refusal(error: ApiError): XsError {
  return unreachable(`NATS takes no blob: ${error.description}`);
}

async function* padding(): AsyncGenerator<Uint8Array> {
  for (let size = 0; size <= MAX_FILE_BYTES; size += PART_BYTES) yield new Uint8Array(PART_BYTES);
}

/** The same bytes, in pieces of one size; the last may be shorter. */
async function* inParts(
  bytes: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array> {
  let part = new Uint8Array(size);
  let filled = 0;
  for await (const chunk of bytes) {
    for (let at = 0; at < chunk.length; ) {
      const taken = Math.min(size - filled, chunk.length - at);
      part.set(chunk.subarray(at, at + taken), filled);
      filled += taken;
      at += taken;
      if (filled < size) continue;
      yield part;
      // The one before may still wait to be sent.
      part = new Uint8Array(size);
      filled = 0;
    }
  }
  if (filled > 0) yield part.subarray(0, filled);
}
