import { ERRORS, type ErrorCode } from "../../core/error.ts";
import type { Route } from "../route.ts";
import type { Body } from "./bodies.ts";
import type { Example } from "./examples.ts";
import { RESPONSE_HEADERS, type ResponseHeaderName } from "./headers.ts";
import { RESPONSES } from "./responses.ts";
import { ref } from "./schemas.ts";
import type { Schema } from "./values.ts";

/** The errors of every request. */
export const OF_EVERY_ROUTE: readonly ErrorCode[] = [
  "bad_request",
  "bad_host",
  "bad_option",
  "unauthorized",
  "foreign_origin",
  "forbidden",
  "store_failed",
  "store_closed",
  "too_many_files",
  "disk_full",
  "bad_header",
  "journal_unreachable",
  "journal_damaged",
  "journal_trimmed",
  "not_reached",
  "internal",
];
/** What may come of every write. */
const OF_WRITES: readonly ErrorCode[] = ["journal_needed", "not_leader"];
/** What may come of a name that is the first segment: it may be that of another path. */
const OF_FIRST_NAME: readonly ErrorCode[] = ["unknown_path", "method_not_allowed"];

/** The further members of some problem documents. */
const MEMBERS: Partial<Record<ErrorCode, Schema>> = {
  expect_last_failed: { actual: { type: ["string", "null"], description: "the newest id" } },
  precondition_failed: { actual: { type: ["string", "null"], description: "the revision" } },
  index_building: { percent: { type: "string", description: "how much of the index is there" } },
  not_leader: {
    leader: { type: ["string", "null"], description: "the node that leads, or null" },
  },
};
/** Members that such a document may have. */
const OPTIONAL_MEMBERS: Partial<Record<ErrorCode, Schema>> = {
  journal_unreachable: {
    outcome: {
      enum: ["none", "unknown"],
      description: "none: nothing was written; unknown: it may have been, or may yet be",
    },
  },
};
/** The headers of some problem documents. */
const HEADERS: Partial<Record<ErrorCode, readonly ResponseHeaderName[]>> = {
  method_not_allowed: ["allow"],
  unauthorized: ["www-authenticate"],
  range_not_satisfiable: ["content-range"],
  too_many_requests: ["retry-after"],
  too_many_files: ["retry-after"],
  index_building: ["retry-after"],
  not_leader: ["retry-after"],
  not_reached: ["retry-after"],
};

/** A problem document (RFC 9457) for each code, and one for any of them. */
export function problemSchemas(): Record<string, Schema> {
  const codes = Object.keys(ERRORS) as ErrorCode[];
  const schemas = codes.map((code) => {
    const [status, title] = ERRORS[code];
    const more = MEMBERS[code] ?? {};
    const properties = {
      title: { const: title },
      status: { const: status },
      detail: { type: "string", description: "what to do" },
      code: { const: code },
      ...more,
    };
    const required = Object.keys(properties);
    const optional = OPTIONAL_MEMBERS[code] ?? {};
    return [code, { type: "object", properties: { ...properties, ...optional }, required }];
  });
  return { Problem: { anyOf: codes.map(ref) }, ...Object.fromEntries(schemas) };
}

/** All errors that a route may answer with. */
export function errorsOf({ method, path, errors }: Route): ErrorCode[] {
  const ofName = path.startsWith("/:") ? OF_FIRST_NAME : [];
  const ofWrites = method === "GET" ? [] : OF_WRITES;
  return [...new Set([...errors, ...ofName, ...ofWrites, ...OF_EVERY_ROUTE])];
}

/** The responses of a route that are errors, by status. */
export function problemResponses(route: Route): Record<string, object> {
  const byStatus = Map.groupBy(errorsOf(route), (code) => ERRORS[code][0]);
  const responses = [...byStatus].map(([status, codes]) => {
    const headers = new Set(codes.flatMap((code) => HEADERS[code] ?? []));
    return [
      String(status),
      {
        description: codes.map((code) => `\`${code}\``).join(", "),
        headers: refsTo(headers),
        content: { "application/problem+json": { schema: { anyOf: codes.map(ref) } } },
      },
    ];
  });
  return Object.fromEntries(responses);
}

/** The responses of a route that are no errors, by status. */
export function successResponses(
  route: Route,
  example: Example | undefined,
): Record<string, object> {
  const responses = Object.entries(route.responses).map(([status, name]) => {
    const {
      about,
      media,
      headers = [],
    }: (typeof RESPONSES)[typeof name] & Partial<Described> = RESPONSES[name];
    const given = String(example?.status) === status ? example : undefined;
    return [
      status,
      {
        description: about,
        headers: refsTo(headers),
        ...(media && { content: contentOf(media, given) }),
      },
    ];
  });
  return Object.fromEntries(responses);
}

interface Described {
  readonly media: Body["media"];
  readonly headers: readonly ResponseHeaderName[];
}

function contentOf(media: Body["media"], example: Example | undefined): object {
  const content = Object.entries(media).map(([type, schema]) => {
    const isGiven =
      example?.response !== undefined && (example.responseType ?? "application/json") === type;
    return [type, { schema, ...(isGiven && { example: example.response }) }];
  });
  return Object.fromEntries(content);
}

/** The headers of responses, by name. */
export function headersOf(): Record<string, object> {
  const headers = Object.entries(RESPONSE_HEADERS).map(([name, { about, schema }]) => [
    name,
    { description: about, schema },
  ]);
  return Object.fromEntries(headers);
}

/** Every response also has the version of the server, and that of a node the record that it includes. */
function refsTo(names: Iterable<ResponseHeaderName>): Record<string, object> {
  const all: ResponseHeaderName[] = ["xs-version", "xs-record", ...names];
  return Object.fromEntries(all.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}
