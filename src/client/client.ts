/** A client of a store: over its socket, over TCP or, without a server, in this process. */
export interface Client extends AsyncDisposable {
  /** Sends a request to a path of the API. @throws XsError the error in the response, if it is no success */
  request(path: string, init?: RequestInit): Promise<Response>;
  /** The token that another process needs for the address of {@link serve}; undefined for a local store. */
  readonly token?: string | undefined;
  /** No server answers: this process has the store open, and no processor runs. A client that connects later says nothing. */
  readonly isDirect?: true;
  /** Returns an address at which other processes reach the store while this client is open. */
  serve(): Promise<string>;
}
