import type { Filter } from "../../support/nats-proxy.ts";

/** A message of the protocol of NATS, taken apart. */
interface Parsed {
  readonly head: readonly string[];
  readonly headers: Buffer;
  readonly payload: Buffer;
}

function parsed(message: Buffer): Parsed | undefined {
  const end = message.indexOf("\r\n");
  const head = message.toString("latin1", 0, end).split(" ");
  if (head[0] !== "MSG" && head[0] !== "HMSG") return undefined;
  const start = end + 2;
  const headers = head[0] === "HMSG" ? Number(head.at(-2)) : 0;
  return {
    head,
    headers: message.subarray(start, start + headers),
    payload: message.subarray(start + headers, message.length - 2),
  };
}

/** The place in the stream of a message that brings a record: to a consumer, or as the answer of a replica. */
function placeOf({ head, headers }: Parsed): number | undefined {
  // $JS.ACK.STREAM.CONSUMER.DELIVERED.SEQUENCE.…
  const acknowledged = head.find((word) => word.startsWith("$JS.ACK."));
  const [, place] = /^Nats-Sequence: (\d+)/m.exec(headers.toString("latin1")) ?? [];
  const found = acknowledged?.split(".")[5] ?? place;
  return found === undefined ? undefined : Number(found);
}

function built({ head, headers }: Parsed, payload: Buffer): Buffer {
  const sizes =
    head[0] === "HMSG"
      ? [String(headers.length), String(headers.length + payload.length)]
      : [String(payload.length)];
  const line = [...head.slice(0, -sizes.length), ...sizes].join(" ");
  return Buffer.concat([Buffer.from(`${line}\r\n`), headers, payload, Buffer.from("\r\n")]);
}

/** Changes the record at a place on its way to a node; undefined drops it. @param times how often at most */
export function tampering(
  place: number,
  change: (payload: Buffer, before: Buffer) => Buffer | undefined,
  times = Infinity,
): Filter & { readonly times: () => number } {
  let done = 0;
  let before = Buffer.alloc(0);
  const filter = (message: Buffer): Buffer | undefined => {
    const parts = parsed(message);
    const at = parts && placeOf(parts);
    if (!parts || at === undefined) return message;
    if (at !== place || done >= times) {
      if (at === place - 1) before = Buffer.from(parts.payload);
      return message;
    }
    done++;
    const changed = change(Buffer.from(parts.payload), before);
    return changed && built(parts, changed);
  };
  return Object.assign(filter, { times: () => done });
}

/** What the server says of the API of JetStream, by the end of its type. */
export type Answers = Readonly<
  Record<string, (answer: Record<string, unknown>) => Record<string, unknown> | undefined>
>;

/** Changes what a server answers, or drops it; and drops every record that a consumer or a replica would bring. */
export function withholding(answers: Answers, records: "consumer" | "all"): Filter {
  return (message) => {
    const parts = parsed(message);
    if (!parts) return message;
    const isFromConsumer = parts.head.some((word) => word.startsWith("$JS.ACK."));
    if (isFromConsumer || (records === "all" && placeOf(parts) !== undefined)) return undefined;
    const [, type] =
      /"type":"io\.nats\.jetstream\.api\.v1\.(\w+)"/.exec(String(parts.payload)) ?? [];
    const change = answers[type ?? ""];
    if (!change) return message;
    const changed = change(JSON.parse(String(parts.payload)));
    return changed && built(parts, Buffer.from(JSON.stringify(changed)));
  };
}
