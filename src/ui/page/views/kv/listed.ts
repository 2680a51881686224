/** An entry, as the API lists it. */
export interface Entry {
  readonly key: string;
  readonly rev: string;
  /** Of the value, in bytes. */
  readonly size: number;
  readonly type: string;
  /** The handler that wrote it. */
  readonly by?: string;
  readonly deleted?: true;
}
