import { neverConnected } from "../net/connection-error.ts";
import type { Ask } from "../net/http-client.ts";
import type { Client } from "./client.ts";

/**
 * Makes a client that sends its requests to a socket without looking first whether a server listens there: the usual
 * command asks once, and a look would cost it as much as the request. Where nobody listens, nothing was sent, and the
 * client of `find` takes over.
 *
 * @param ask sends to that socket
 * @param find finds the server or opens the store; its errors are those of the request
 */
export function firstTry(ask: Ask, find: () => Promise<Client>): Client {
  let found: Promise<Client> | undefined;
  const other = () => {
    found ??= find();
    return found;
  };
  return {
    async request(path, init) {
      // A failed try may have taken a part of a stream.
      if (found || init?.body instanceof ReadableStream) return (await other()).request(path, init);
      try {
        return await ask(path, init);
      } catch (error) {
        if (!neverConnected(error)) throw error;
      }
      return (await other()).request(path, init);
    },
    serve: async () => (await other()).serve(),
    async [Symbol.asyncDispose]() {
      const client = await found?.catch(() => undefined);
      await client?.[Symbol.asyncDispose]();
    },
  };
}
