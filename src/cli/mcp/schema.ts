import { quoted, XsError } from "../../core/error.ts";
import { isRawNumber } from "../../core/json.ts";
import { isObject } from "./json-rpc.ts";

/** The part of JSON Schema that the tools use. */
export interface Schema {
  readonly type?: "object" | "array" | "string" | "integer" | "boolean";
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  /** A greater number is taken as this one. The schema that clients see does not have it. */
  readonly most?: number;
  readonly default?: string | number | boolean;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
}

/**
 * Checks the arguments of a call. A null stands for an absent argument, unless any JSON may be there.
 *
 * @returns the arguments, with the defaults of the schema
 * @throws XsError `bad_option`, which names the argument
 */
export function checkArguments(schema: Schema, given: unknown): Readonly<Record<string, unknown>> {
  if (!isObject(given)) throw bad("the arguments are a JSON object");
  const { properties = {}, required = [] } = schema;
  const taken: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (known === undefined) {
      throw bad(
        `there is no argument ${quoted(name)}: there is ${Object.keys(properties).join(", ")}`,
      );
    }
    if (value === null && known.type !== undefined) continue;
    taken[name] = checkArgument(name, known, value);
  }
  for (const [name, { default: value }] of Object.entries(properties)) {
    if (!(name in taken) && value !== undefined) taken[name] = value;
  }
  const missing = required.find((name) => !(name in taken));
  if (missing === undefined) return taken;
  throw bad(`the argument ${missing} is missing: ${properties[missing]?.description ?? ""}`);
}

function checkArgument(name: string, schema: Schema, value: unknown): unknown {
  const { type, minimum = -Infinity, most = Infinity, minLength = 0 } = schema;
  if (type === "integer") {
    const number = isRawNumber(value) ? Number(JSON.stringify(value)) : value;
    if (typeof number === "number" && Number.isInteger(number)) {
      if (number >= minimum) return Math.min(number, most);
    }
    throw bad(`${name} is a whole number from ${minimum} on`);
  }
  if (type === "boolean" && typeof value !== "boolean") throw bad(`${name} is true or false`);
  if (type === "string") {
    if (typeof value !== "string") throw bad(`${name} is a text`);
    if (schema.enum && !schema.enum.includes(value)) {
      throw bad(`${name} ${quoted(value)} is none of ${schema.enum.join(", ")}`);
    }
    if (value.length < minLength) throw bad(`${name} is empty`);
  }
  return value;
}

function bad(problem: string): XsError {
  return new XsError("bad_option", problem);
}
