import { XsError } from "../../src/core/error.ts";
import type { Messages } from "../../src/store/journal/journal.ts";
import type { MemoryLink } from "./memory-link.ts";

interface Answerer {
  readonly link: MemoryLink;
  readonly answer: (body: Uint8Array) => Promise<Uint8Array>;
}

/** Who answers for a name, the newest last, and who hears what is told. */
export class MemoryPost {
  readonly answerers = new Map<string, Answerer[]>();
  readonly hearers = new Set<{ link: MemoryLink; each: (body: Uint8Array) => void }>();
}

/** The messages of one node, behind its link. Whoever gets a body has a copy, as over a network. */
export class MemoryMessages implements Messages {
  readonly #post: MemoryPost;
  readonly #link: MemoryLink;
  readonly #ends = new Set<() => void>();
  #told = Promise.resolve();

  constructor(post: MemoryPost, link: MemoryLink) {
    this.#post = post;
    this.#link = link;
  }

  ask(node: string, body: Uint8Array, ms: number): Promise<Uint8Array> {
    const copy = new Uint8Array(body);
    const act = async () => {
      const answerer = this.#post.answerers.get(node)?.at(-1);
      if (!answerer || answerer.link.isCut) {
        throw new XsError("node_unreachable", `no node named ${node} answers`);
      }
      await answerer.link.pass();
      const answer = new Uint8Array(await answerer.answer(copy));
      await answerer.link.pass();
      return answer;
    };
    // The other node may be what takes too long.
    return this.#link.request(ms, act, () => true);
  }

  answer(node: string, answer: (body: Uint8Array) => Promise<Uint8Array>): () => void {
    const { answerers } = this.#post;
    const answerer = { link: this.#link, answer };
    answerers.set(node, [...(answerers.get(node) ?? []), answerer]);
    return this.#ending(() => {
      const left = answerers.get(node)?.filter((each) => each !== answerer);
      answerers.set(node, left ?? []);
    });
  }

  tell(body: Uint8Array): void {
    const copy = new Uint8Array(body);
    // It goes out now or never; those of one node arrive in their order.
    if (this.#link.isCut) return;
    this.#told = this.#told.then(async () => {
      await this.#link.pass();
      for (const { link, each } of this.#post.hearers) if (!link.isCut) each(new Uint8Array(copy));
    });
  }

  hear(each: (body: Uint8Array) => void): () => void {
    const hearer = { link: this.#link, each };
    this.#post.hearers.add(hearer);
    return this.#ending(() => this.#post.hearers.delete(hearer));
  }

  /** Ends what answers and hears. */
  close(): void {
    for (const end of [...this.#ends]) end();
  }

  #ending(end: () => void): () => void {
    const once = () => {
      this.#ends.delete(once);
      end();
    };
    this.#ends.add(once);
    return once;
  }
}
