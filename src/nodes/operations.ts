import { ERRORS, type ErrorCode, XsError } from "../core/error.ts";
import type { KeepRule } from "../core/keep-rule.ts";
import type { KvCondition } from "../store/kv.ts";
import type { AppendCondition, Change, TakenContent } from "../store/types.ts";

/** A write that one node asks of the one that leads. */
export type Operation =
  | {
      readonly do: "apply";
      readonly changes: readonly Change[];
      readonly condition: AppendCondition;
    }
  | { readonly do: "remove"; readonly id: string }
  | {
      readonly do: "put";
      readonly key: string;
      readonly type: string;
      readonly value: Uint8Array;
      readonly condition: KvCondition;
    }
  | { readonly do: "delete"; readonly key: string; readonly condition: KvCondition }
  | { readonly do: "unschedule"; readonly id: string }
  | { readonly do: "setRule"; readonly rule: KeepRule }
  | { readonly do: "endRule"; readonly pattern: string }
  | { readonly do: "keep"; readonly contents: readonly TakenContent[] }
  | { readonly do: "join"; readonly node: string }
  | { readonly do: "forgetNode"; readonly node: string };

/** What one node may ask of another. */
export type Question =
  | Operation
  | { readonly do: "probe" }
  /** To see to it that nothing of what was removed up to a record is in its files. */
  | { readonly do: "erase"; readonly position: number }
  | { readonly do: "status" }
  /** To read what it has at the next mark, and what came of that: see `Comparison`. */
  | { readonly do: "prepare"; readonly token: string }
  | { readonly do: "digest"; readonly token: string }
  /** What runs on the node that leads: see `Node.inquire`. */
  | { readonly do: "inquire"; readonly inquiry: unknown }
  /** The first frames of the chunked content that comes in through it. */
  | { readonly do: "feeds" }
  /** Whether a read that follows takes frames of a topic. */
  | { readonly do: "follows"; readonly topic: string };

/** Several writes in one message. Each has its own reply, in their order: the value of the whole is a list of replies. */
export interface Several {
  readonly do: "several";
  readonly questions: readonly Question[];
}

/** How it went: the result or the error, and the record that this node had applied then. */
export type Reply =
  | { readonly value: unknown; readonly record: number }
  | {
      readonly record: number;
      readonly error: {
        readonly code: ErrorCode;
        readonly message: string;
        readonly members: Readonly<Record<string, string | null>>;
        readonly headers: Readonly<Record<string, string>>;
      };
    };

/** Writes a question or a reply as JSON; bytes become base64. */
export function encode(value: Question | Several | Reply | object): Uint8Array {
  // Not of what it is given: a Buffer has become an object by then.
  const json = JSON.stringify(value, function (this: Record<string, unknown>, key, each) {
    const raw = this[key];
    return raw instanceof Uint8Array ? { $bytes: raw.toBase64() } : each;
  });
  return Buffer.from(json);
}

/** Writes questions as {@link Several}. @param questions each as {@link encode} wrote it */
export function encodeSeveral(questions: readonly Uint8Array[]): Uint8Array {
  const parts = questions.flatMap((question, i) => (i === 0 ? [question] : [COMMA, question]));
  return Buffer.concat([SEVERAL, ...parts, SEVERAL_END]);
}

const SEVERAL = Buffer.from('{"do":"several","questions":[');
const COMMA = Buffer.from(",");
const SEVERAL_END = Buffer.from("]}");

/** Reads what {@link encode} wrote. */
export function decode<T>(bytes: Uint8Array): T {
  const text = Buffer.from(bytes).toString();
  // A look at each value takes most of the time, and few have bytes.
  if (!text.includes('"$bytes"')) return JSON.parse(text) as T;
  return JSON.parse(text, (_, each) =>
    typeof each?.$bytes === "string" ? Uint8Array.fromBase64(each.$bytes) : each,
  ) as T;
}

/** An error as a reply. */
export function failure(error: unknown, record: number): Reply {
  const known =
    error instanceof XsError ? error : new XsError("internal", String((error as Error).message));
  const { code, message, members, headers } = known;
  return { record, error: { code, message, members, headers } };
}

/** The value of a reply. @throws XsError the one that it tells of */
export function valueIn(reply: Reply): { readonly value: unknown; readonly record: number } {
  if (!("error" in reply)) return reply;
  const { code, message, members, headers } = reply.error;
  // A newer node may have codes that this one does not know.
  throw new XsError(code in ERRORS ? code : "internal", message, { members, headers });
}
