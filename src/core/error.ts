import { settleStack } from "../lib/error-stack.ts";

/**
 * Every failure that xs reports: its code, with the HTTP status and title of the response. Codes are stable: programs
 * may rely on them.
 */
export const ERRORS = {
  bad_topic: [400, "Bad topic"],
  reserved_topic: [403, "Reserved topic"],
  bad_id: [400, "Bad id"],
  id_ahead: [400, "Id ahead of the clock"],
  bad_ttl: [400, "Bad ttl"],
  bad_meta: [400, "Bad meta"],
  too_deep: [400, "Nested too deep"],
  meta_too_large: [413, "Meta too large"],
  bad_hash: [400, "Bad hash"],
  bad_frame: [400, "Bad frame"],
  bad_option: [400, "Bad option"],
  bad_request: [400, "Bad request"],
  bad_host: [400, "Bad host"],
  body_cut_off: [400, "Body cut off"],
  body_too_large: [413, "Body too large"],
  not_found: [404, "Not found"],
  unknown_path: [404, "Unknown path"],
  method_not_allowed: [405, "Method not allowed"],
  content_not_found: [404, "Content not found"],
  content_damaged: [500, "Content damaged"],
  range_not_satisfiable: [416, "Range not satisfiable"],
  expect_last_failed: [409, "Not the newest frame"],
  idempotency_key_reused: [422, "Idempotency key reused"],
  too_many_scheduled: [409, "Too many scheduled appends"],
  precondition_failed: [412, "Precondition failed"],
  bad_query: [400, "Bad query"],
  index_building: [503, "Index being made"],
  search_too_slow: [504, "Search too slow"],
  bad_key: [400, "Bad key"],
  reserved_key: [403, "Reserved key"],
  bad_header: [400, "Bad header"],
  bad_path: [400, "Bad path"],
  bad_batch: [400, "Bad batch"],
  bad_tar: [400, "Bad tar"],
  value_damaged: [500, "Value damaged"],
  busy: [503, "Busy"],
  frame_damaged: [500, "Frame damaged"],
  disk_full: [507, "Disk full"],
  store_failed: [503, "Store failed"],
  store_closed: [503, "Store closed"],
  store_in_use: [503, "Store in use"],
  store_not_found: [404, "Store not found"],
  store_damaged: [503, "Store damaged"],
  store_too_new: [503, "Store too new"],
  store_of_another: [403, "Store of another user"],
  store_read_only: [403, "Store read-only"],
  no_server: [503, "No server"],
  journal_unreachable: [503, "Journal unreachable"],
  journal_damaged: [503, "Journal damaged"],
  journal_trimmed: [503, "Journal trimmed"],
  journal_needed: [503, "Needs its journal"],
  journal_unsafe: [503, "Journal not durable"],
  node_present: [409, "Node present"],
  not_replicated: [404, "Not replicated"],
  node_unreachable: [503, "Node unreachable"],
  not_leader: [503, "Not the leader"],
  not_reached: [504, "Record not reached"],
  address_in_use: [503, "Address in use"],
  cannot_listen: [503, "Cannot listen"],
  unauthorized: [401, "Unauthorized"],
  foreign_origin: [403, "Foreign origin"],
  forbidden: [403, "Forbidden"],
  bad_token: [400, "Bad token"],
  token_exists: [409, "Token exists"],
  too_many_tokens: [409, "Too many tokens"],
  no_handler: [503, "No handler"],
  handler_failed: [500, "Handler failed"],
  too_many_requests: [503, "Too many requests"],
  too_many_files: [503, "Too many open files"],
  headers_too_large: [431, "Headers too large"],
  body_too_slow: [408, "Body too slow"],
  no_answer: [504, "No answer"],
  bad_response: [502, "Bad response"],
  internal: [500, "Internal error"],
} as const satisfies Record<string, readonly [status: number, title: string]>;

/** The code of a failure. */
export type ErrorCode = keyof typeof ERRORS;

/** A failure with a stable code. Its message tells a person the problem and the next step. */
export class XsError extends Error {
  /** Users see this name. The build shortens class names, so it is set here. */
  static override readonly name = "XsError";
  readonly code: ErrorCode;
  /** Further members of the problem document (RFC 9457): values that a program needs to recover. */
  readonly members: Readonly<Record<string, string | null>>;
  /** Further headers of the response, beside those of every problem document. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: ErrorCode,
    message: string,
    options?: ErrorOptions & Partial<Pick<XsError, "members" | "headers">>,
  ) {
    super(message, options);
    this.name = "XsError";
    this.code = code;
    this.members = options?.members ?? {};
    this.headers = options?.headers ?? {};
    settleStack(this);
  }
}

/** Quotes input for a message, as JSON, cut to 80 characters. */
export function quoted(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
}

/** Letters that the shell takes as they are. */
const PLAIN_WORD = /^[A-Za-z0-9_@%+:,./-]+$/;

/** Quotes a word so that the shell takes it as it is, for a command line in a message. */
export function shellWord(word: string): string {
  return PLAIN_WORD.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
