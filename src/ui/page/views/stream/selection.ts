import { momentIn, parseWhen, timeIn } from "./when.ts";

/** Which frames the stream shows. */
export interface Selection {
  /** A pattern, or a list of them; empty for all. */
  readonly topic: string;
  /** Bounds in time, as the API takes them; empty for none. */
  readonly since: string;
  readonly until: string;
  /** The runtime's frames too, where no topic is given. */
  readonly runtime: boolean;
}

/** What the fields of the page say: as the person wrote it. */
export interface Fields {
  readonly q: string;
  readonly topic: string;
  readonly since: string;
  readonly until: string;
}

/** What is wrong with a field, by its name. */
export type FieldProblems = Partial<Record<keyof Fields, string>>;

/** The fields in an address. */
export function fieldsIn(place: URLSearchParams): Fields {
  const of = (name: string) => place.get(name) ?? "";
  return { q: of("q"), topic: of("topic"), since: of("since"), until: of("until") };
}

/** Says what is wrong with the times; the store says what is wrong with patterns and queries. */
export function problemsIn({ since, until }: Fields): FieldProblems {
  const problems: FieldProblems = {};
  const [from, to] = [parseWhen(since), parseWhen(until)];
  if ("problem" in from) problems.since = from.problem;
  if ("problem" in to) problems.until = to.problem;
  if (!("value" in from && "value" in to)) return problems;
  const [first, last] = [momentIn(from.value), momentIn(to.value)];
  if (first !== undefined && last !== undefined && first > last) {
    problems.until = "the end is before the begin: swap them";
  }
  return problems;
}

/** The selection of fields without a problem. */
export function selectionOf({ topic, since, until }: Fields, runtime: boolean): Selection {
  return { topic, since: timeIn(since), until: timeIn(until), runtime };
}
