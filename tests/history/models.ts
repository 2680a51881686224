import type { Model } from "./checker.ts";

/** What a client asks of one key. */
export type PairInput =
  | { do: "get" }
  | { do: "delete" }
  /** `ifMatch`: only while this is the revision; null: only while there is none. */
  | { do: "put"; value: string; ifMatch?: string | null };

/** What it is told: the pair, null for none, the new revision, or the one that was in the way. */
export type PairOutput =
  | { value: string; rev: string }
  | { rev: string }
  | { actual: string | null }
  | { deleted: true }
  | null;

/** A pair; without a revision where the answer that named it never came. */
type Pair = { value: string; rev?: string } | null;

/** One key of the k/v store: a register with a revision. */
export const pairModel: Model<{ pair: Pair }, PairInput, PairOutput> = {
  initial: { pair: null },
  key: ({ pair }) => JSON.stringify(pair),
  step(state, input, output) {
    const { pair } = state;
    if (input.do === "delete") return { pair: null };
    if (input.do === "get") {
      if (!output || !("value" in output)) return pair === null ? state : undefined;
      if (pair?.value !== output.value || (pair.rev ?? output.rev) !== output.rev) return undefined;
      return { pair: output };
    }
    const { value, ifMatch } = input;
    if (output && "actual" in output) {
      const { actual } = output;
      if (ifMatch === undefined || ifMatch === actual) return undefined;
      if (pair === null || actual === null) return pair === actual ? state : undefined;
      return (pair.rev ?? actual) === actual ? { pair: { ...pair, rev: actual } } : undefined;
    }
    if (ifMatch === null && pair !== null) return undefined;
    if (typeof ifMatch === "string" && (pair === null || (pair.rev ?? ifMatch) !== ifMatch)) {
      return undefined;
    }
    const rev = output && "rev" in output ? output.rev : undefined;
    return { pair: rev === undefined ? { value } : { value, rev } };
  },
};

/** What a client asks of one topic. `expect`: only while this is the newest; null: there is none. */
export type TopicInput = { do: "last" } | { do: "append"; expect?: string | null };

/** The id of the frame, null for none, or the one that was in the way. */
export type TopicOutput = { id: string } | { actual: string | null } | null;

/** One topic: its newest frame. An append without an answer leaves one with some greater id. */
export const topicModel: Model<
  { newest: string | null; unknown: number },
  TopicInput,
  TopicOutput
> = {
  initial: { newest: null, unknown: 0 },
  key: ({ newest, unknown }) => `${newest} ${unknown}`,
  step(state, input, output) {
    const { newest, unknown } = state;
    /** Whether this may be the newest now. */
    const isNewest = (id: string | null) =>
      unknown > 0 ? id !== null && id > (newest ?? "") : id === newest;
    if (input.do === "last") {
      const id = output && "id" in output ? output.id : null;
      return isNewest(id) ? { newest: id, unknown: 0 } : undefined;
    }
    if (output && "actual" in output) {
      const { actual } = output;
      if (input.expect === undefined || input.expect === actual) return undefined;
      return isNewest(actual) ? { newest: actual, unknown: 0 } : undefined;
    }
    if (input.expect !== undefined && !isNewest(input.expect)) return undefined;
    if (!output) return { newest: input.expect ?? newest, unknown: unknown + 1 };
    return output.id > (newest ?? "") ? { newest: output.id, unknown: 0 } : undefined;
  },
};
