/**
 * A record is one message, or several in a row if it is larger than a message may be. The first byte of each message
 * tells which, so that one message alone shows whether it ends a record.
 */
export const WHOLE = 1;
export const PART = 2;
export const LAST_PART = 3;

/** Bytes that the headers of a message may take. */
export const HEADER_ROOM = 512;
/** How many messages the server takes as one. */
const MAX_PARTS = 1000;

/** Cuts a record into messages of at most `room` bytes. @throws RangeError if it is too large */
export function cut(record: Uint8Array, room: number): Uint8Array[] {
  const size = room - 1;
  const count = Math.max(1, Math.ceil(record.length / size));
  if (count > MAX_PARTS) throw new RangeError(`a record of ${record.length} bytes is too large`);
  return Array.from({ length: count }, (_, i) => {
    const bytes = record.subarray(i * size, (i + 1) * size);
    const message = new Uint8Array(1 + bytes.length);
    message[0] = count === 1 ? WHOLE : i === count - 1 ? LAST_PART : PART;
    message.set(bytes, 1);
    return message;
  });
}

/** The record of which these are all messages, in order. */
export function join(messages: readonly Uint8Array[]): Uint8Array {
  const [only] = messages;
  if (only && messages.length === 1) return only.subarray(1);
  return Buffer.concat(messages.map((message) => message.subarray(1)));
}

/** Whether a message ends its record. */
export function isEnd(message: Uint8Array): boolean {
  return message[0] === WHOLE || message[0] === LAST_PART;
}

/** Whether a message is one of ours at all. */
export function isFramed(message: Uint8Array): boolean {
  const [kind] = message;
  return kind === WHOLE || kind === PART || kind === LAST_PART;
}
