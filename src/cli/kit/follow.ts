import type { Client } from "../../client/client.ts";
import { XsError } from "../../core/error.ts";
import { streamOf } from "../../lib/streams.ts";
import { connectionReason } from "../../net/connection-error.ts";
import { chunksIn } from "../../net/text-body.ts";
import { connect } from "./connect.ts";
import { type Following, limitIn } from "./following.ts";
import { watchOutput } from "./watch-output.ts";

const GOES_ON = "--reconnect goes on when it is back";

/**
 * Prints what a following read brings, until its `limit`, the end of the server or, with `reconnect`, for ever. It
 * also ends when the reader of stdout is gone.
 */
export async function follow(following: Following): Promise<void> {
  watchOutput();
  if (!following.reconnect) return await followOnce(following);
  const { followAgain } = await import("./reconnect.ts");
  await followAgain(following);
}

async function followOnce({ address, path, headers = {}, print }: Following) {
  await using client = await connect(address, { serverOnly: "following" });
  const response = await client.request(path, { headers });
  const limit = limitIn(path);
  const left = new Countdown(limit);
  const counted =
    limit === undefined ? response : new Response(streamOf(left.pass(chunksIn(response))));
  try {
    await print(counted, client);
  } catch (error) {
    throw brokenOff(error) ?? error;
  }
  if (left.isOver) return;
  if ("url" in address) await checkToken(client);
  const { messages } = await import("./messages.ts");
  messages.warn(`the server stopped; ${GOES_ON}`);
}

/** A stream ends with its token too. @throws XsError `unauthorized` */
async function checkToken(client: Client): Promise<void> {
  try {
    await client.request("/health");
  } catch (error) {
    if (error instanceof XsError && error.code === "unauthorized") throw error;
  }
}

/** The error for a follower whose stream broke off; undefined for any other error. */
function brokenOff(error: unknown): XsError | undefined {
  if (!(error instanceof XsError) || error.code !== "no_server" || !error.cause) return undefined;
  return new XsError(
    "no_server",
    `the answer broke off (${connectionReason(error.cause)}): the server stopped, or could not go on; ${GOES_ON}`,
    { cause: error.cause },
  );
}

/** The begin of the lines of frames that no limit counts, also as the data of an event. */
const SYNTHETIC = /^(?:data: )?\{"topic":"stream\.cross\.(?:threshold|pulse)"/;

/** Counts the frames in a stream that it passes on as it is. */
class Countdown {
  #left: number;
  #rest = "";

  constructor(limit = Infinity) {
    this.#left = limit;
  }

  get isOver(): boolean {
    return this.#left <= 0;
  }

  async *pass(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    // A character that two chunks share does not matter: only the beginnings of lines do.
    const decoder = new TextDecoder();
    for await (const chunk of chunks) {
      const lines = (this.#rest + decoder.decode(chunk)).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) {
        if (/^(?:data: )?\{/.test(line) && !SYNTHETIC.test(line)) this.#left--;
      }
      yield chunk;
    }
  }
}
