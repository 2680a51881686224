import { defaultAddress, parseAddress } from "../../client/address.ts";
import { checkAddress } from "../../client/connect.ts";
import { socketOf } from "../../client/reach.ts";
import { textLines } from "../../lib/lines.ts";
import { httpAsk, type Place } from "../../net/http-client.ts";
import { chunksIn } from "../../net/text-body.ts";
import { shortestPath } from "../../net/unix-socket.ts";

/** How long a server may take to answer, in ms: a person waits at the keyboard. */
const DEADLINE_MS = 150;

/**
 * Asks the server of a store for lines, as far as it answers at once. It opens no store, so it makes, migrates and
 * locks none. Each failure is silent: a completion has nowhere to report it.
 *
 * @param address as in a command line; the default store without it
 * @param take receives each line, and returns false when it wants no more
 */
export async function askLines(
  address: string | undefined,
  path: string,
  take: (line: string) => boolean,
): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, DEADLINE_MS);
  let isOver = false;
  const asked = (async () => {
    const response = await httpAsk(placeOf(address))(path);
    for await (const lines of textLines(chunksIn(response))) {
      if (isOver || !lines.every((line) => take(line))) return;
    }
  })();
  await Promise.race([asked.catch(() => {}), late.promise]);
  isOver = true;
  clearTimeout(timer);
}

function placeOf(text: string | undefined): Place {
  const address = text === undefined ? defaultAddress() : parseAddress(text);
  if ("url" in address) return { token: process.env.XS_TOKEN, ...address };
  checkAddress(address);
  return { unix: shortestPath(socketOf(address.directory)) };
}
