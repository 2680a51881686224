/** A value of SQL. A whole number is a bigint, so that none loses digits; a number is a real one. */
export type SqlValue = string | number | bigint | Uint8Array | null;

/** The rows of a query, which come as they are found. */
export interface QueryResult {
  /** The names of the columns, each of them once. */
  readonly columns: readonly string[];
  /** Yields the values of each row, in the order of the columns. @throws XsError `bad_request` where the query fails */
  readonly rows: Iterable<readonly SqlValue[]>;
}

/** A store as it was at one moment, for queries in SQL that read it. */
export interface QuerySnapshot extends Disposable {
  /**
   * Runs one SELECT, WITH or VALUES on the views `frames`, `kv` and `topics`.
   *
   * @throws XsError `bad_option` for anything else
   */
  query(sql: string): QueryResult;
}
