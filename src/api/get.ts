import { chunkIn } from "../core/chunk.ts";
import { quoted, XsError } from "../core/error.ts";
import { type Frame, withTimestamp } from "../core/frame.ts";
import { parseId } from "../core/id.ts";
import { parseTopicFilter } from "../core/topic.ts";
import type { Store } from "../store/store.ts";
import type { Direction } from "../store/types.ts";
import { STORED_BYTES, STREAMED } from "./answer-headers.ts";
import type { Call } from "./call.ts";
import { contentResponse } from "./cas.ts";
import { chunkedContent } from "./chunked.ts";
import { lineResponse } from "./json-response.ts";
import { isOn, onlyOptions } from "./query.ts";

/** One frame as JSON. */
export function frameResponse(line: string, timestamp = false): Response {
  return lineResponse(timestamp ? withTimestamp(line) : line);
}

export function getFrame(id: string) {
  return ({ store, url }: Call): Response => {
    const query = onlyOptions(url, ["with-timestamp"]);
    return frameResponse(find(store, id), isOn(query, "with-timestamp"));
  };
}

export function removeFrame(id: string) {
  return async ({ store, url }: Call): Promise<Response> => {
    onlyOptions(url, []);
    await store.remove(parseId(id));
    return new Response(null, { status: 204 });
  };
}

export function getNeighbour(id: string, direction: Direction) {
  return ({ store, url }: Call): Response => {
    const query = onlyOptions(url, ["topic", "with-timestamp"]);
    const topic = query.get("topic");
    const topics = topic === null ? undefined : parseTopicFilter(topic);
    const line = store.neighbour(parseId(id), direction, topics);
    if (line === undefined) {
      throw new XsError("not_found", `there is no ${direction} frame of ${id}`);
    }
    return frameResponse(line, isOn(query, "with-timestamp"));
  };
}

export function getContent(id: string) {
  return async (call: Call): Promise<Response> => {
    const { store, request, url } = call;
    onlyOptions(url, []);
    const frame = JSON.parse(find(store, id)) as Frame;
    const chunk = chunkIn(frame.meta);
    if (chunk?.of === null) {
      const headers = {
        ...STORED_BYTES,
        ...STREAMED,
        "content-type": "application/octet-stream",
      };
      if (request.method === "HEAD") return new Response(null, { headers });
      return new Response(chunkedContent(call, frame), { headers });
    }
    const { hash } = frame;
    if (hash === null) throw new XsError("content_not_found", `the frame ${id} has no content`);
    return contentResponse(store, hash, request);
  };
}

function find(store: Store, id: string): string {
  if (!/^[0-9a-z]{25}$/i.test(id)) {
    throw new XsError(
      "bad_id",
      `${quoted(id)} is not an id; to read a topic, ask for /stream/${id.slice(0, 80)}`,
    );
  }
  const line = store.get(parseId(id));
  if (line === undefined) throw new XsError("not_found", `there is no frame ${id}`);
  return line;
}
