import { join } from "node:path";
import { type Ask, httpAsk } from "../../net/http-client.ts";
import { shortestPath } from "../../net/unix-socket.ts";

/** Makes a client of the server at `XS_ADDR`: a store directory or, in a trial, a URL. */
export function askServer(): Ask {
  const { XS_ADDR: address = "store", XS_TOKEN: token } = process.env;
  if (/^https?:/.test(address)) return httpAsk({ url: address, token });
  return httpAsk({ unix: shortestPath(join(address, "sock")) });
}
