import { quoted, XsError } from "../core/error.ts";
import { type Kept, keepRule, parseKept } from "../core/keep-rule.ts";
import type { Call } from "./call.ts";
import { jsonResponse, ndjsonResponse } from "./json-response.ts";
import { type Values, value } from "./options.ts";

export const KEEP_OPTIONS = {
  age: value("keeps frames that are younger than this", "age", parseAge),
  count: value("keeps so many of the newest frames of each topic", "count from 1", parseCount),
};

export const keep = {
  /** Responds with the rules, by their patterns. */
  async list({ store }: Call): Promise<Response> {
    const rules = await store.upkeep.rules.list();
    return ndjsonResponse(rules.map((rule) => JSON.stringify(rule)));
  },

  /** Sets the rule of a pattern, and responds with it and whether it is applied now. */
  async set({ store }: Call, options: Values<typeof KEEP_OPTIONS>, pattern: string) {
    const { age, count } = options;
    const given = [age, count].filter((kept) => kept !== undefined);
    const [kept] = given;
    if (!kept || given.length > 1) {
      throw new XsError(
        "bad_option",
        "a rule has either an age or a count: ?age=30d or ?count=100",
      );
    }
    const rule = keepRule(pattern, kept);
    const { rules } = store.upkeep;
    await rules.set(rule);
    return jsonResponse({ ...rule, applied: rules.areApplied });
  },

  /** Ends the rule of a pattern. @throws XsError `not_found` */
  async end({ store }: Call, _: object, pattern: string): Promise<Response> {
    if (await store.upkeep.rules.end(pattern)) return new Response(null, { status: 204 });
    throw new XsError("not_found", `there is no rule for ${quoted(pattern)}: xs keep lists them`);
  },
};

function parseAge(text: string, name: string): Kept {
  // A number is a count of frames elsewhere, so here it would be read as one.
  const kept = parseKept(text);
  if ("age" in kept) return kept;
  throw new XsError("bad_option", `${name}=${quoted(text)} needs a unit, like 30d`);
}

function parseCount(text: string, name: string): Kept {
  const kept = parseKept(text);
  if ("count" in kept) return kept;
  throw new XsError("bad_option", `${name}=${quoted(text)} is a number of frames, like 100`);
}
