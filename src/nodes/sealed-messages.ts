import { timingSafeEqual } from "node:crypto";
import { XsError } from "../core/error.ts";
import { over } from "../lib/over.ts";
import type { Messages } from "../store/journal/journal.ts";

const MAC_BYTES = 32;
const NONCE_BYTES = 16;
/** So many questions are remembered, so that none of them counts twice. */
const MAX_KNOWN = 20_000;

/**
 * The same messages, each with a MAC by the cluster key: whoever else can publish to NATS gets no write done, passes off
 * no answer, and shows readers no ephemeral frame. A sealed body is its MAC (HMAC-SHA256), a nonce, and the body; an
 * answer is sealed with the MAC of its question instead of a nonce.
 *
 * @param key the cluster key, 32 bytes
 */
export function sealedMessages(messages: Messages, key: Uint8Array): Messages {
  const known = new Set<string>();

  /** Whether a question was not asked before. */
  function isNew(nonce: Uint8Array): boolean {
    const name = Buffer.from(nonce).toString("latin1");
    if (known.has(name)) return false;
    known.add(name);
    for (const oldest of known) {
      if (known.size <= MAX_KNOWN) break;
      known.delete(oldest);
    }
    return true;
  }

  return over(messages, {
    async ask(node, body, ms) {
      const question = sealed(key, `ask ${node}`, nonceOf(), body);
      const answer = await messages.ask(node, question, ms);
      const opened = unsealed(key, `answer ${node}`, answer, macIn(question));
      if (opened) return opened.body;
      throw new XsError(
        "journal_unreachable",
        `what answers for the node ${node} does not have the cluster key of this store: someone forged it, or that node has another cluster-key file`,
      );
    },
    answer(node, answer) {
      return messages.answer(node, async (question) => {
        const opened = unsealed(key, `ask ${node}`, question);
        if (!opened || !isNew(opened.nonce)) return new Uint8Array();
        return sealed(key, `answer ${node}`, macIn(question), await answer(opened.body));
      });
    },
    tell(body) {
      messages.tell(sealed(key, "tell", nonceOf(), body));
    },
    hear(each) {
      return messages.hear((told) => {
        const opened = unsealed(key, "tell", told);
        if (opened && isNew(opened.nonce)) each(opened.body);
      });
    },
  });
}

interface Opened {
  readonly nonce: Uint8Array;
  readonly body: Uint8Array;
}

function nonceOf(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
}

function macIn(message: Uint8Array): Uint8Array {
  return message.subarray(0, MAC_BYTES);
}

function macOf(key: Uint8Array, purpose: string, ...parts: readonly Uint8Array[]): Buffer {
  const hasher = new Bun.CryptoHasher("sha256", key).update(`${purpose}\n`);
  for (const part of parts) hasher.update(part);
  return hasher.digest();
}

/** @param nonce of a question; for an answer, the MAC of its question, which is not sent */
function sealed(
  key: Uint8Array,
  purpose: string,
  nonce: Uint8Array,
  body: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const isSent = nonce.length === NONCE_BYTES;
  const parts = [macOf(key, purpose, nonce, body), ...(isSent ? [nonce] : []), body];
  return new Uint8Array(Buffer.concat(parts));
}

/** Inverse of {@link sealed}; undefined for what was not sealed with this key, for this purpose. */
function unsealed(
  key: Uint8Array,
  purpose: string,
  message: Uint8Array,
  question?: Uint8Array,
): Opened | undefined {
  const start = MAC_BYTES + (question ? 0 : NONCE_BYTES);
  if (message.length < start) return undefined;
  const nonce = question ?? message.subarray(MAC_BYTES, start);
  const body = message.subarray(start);
  return timingSafeEqual(macIn(message), macOf(key, purpose, nonce, body))
    ? { nonce, body }
    : undefined;
}
