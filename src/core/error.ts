import { settleStack } from "../lib/own-places.ts";

/** The code of every failure that xs reports. Codes are stable: programs may rely on them. */
export type ErrorCode =
  | "bad_topic"
  | "reserved_topic"
  | "bad_id"
  | "id_ahead"
  | "bad_ttl"
  | "bad_meta"
  | "too_deep"
  | "meta_too_large"
  | "bad_hash"
  | "bad_frame"
  | "bad_option"
  | "bad_request"
  | "bad_host"
  | "body_cut_off"
  | "body_too_large"
  | "not_found"
  | "unknown_path"
  | "method_not_allowed"
  | "content_not_found"
  | "content_damaged"
  | "range_not_satisfiable"
  | "expect_last_failed"
  | "idempotency_key_reused"
  | "precondition_failed"
  | "bad_key"
  | "reserved_key"
  | "bad_header"
  | "bad_path"
  | "bad_batch"
  | "bad_tar"
  | "value_damaged"
  | "busy"
  | "frame_damaged"
  | "disk_full"
  | "store_failed"
  | "store_closed"
  | "store_in_use"
  | "store_not_found"
  | "store_damaged"
  | "store_too_new"
  | "store_of_another"
  | "store_read_only"
  | "no_server"
  | "address_in_use"
  | "cannot_listen"
  | "unauthorized"
  | "foreign_origin"
  | "no_handler"
  | "handler_failed"
  | "too_many_requests"
  | "too_many_files"
  | "headers_too_large"
  | "body_too_slow"
  | "no_answer"
  | "bad_response"
  | "internal";

/**
 * A failure with a stable code. Its message tells a person the problem and the next step.
 */
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
