import { HTTP_TTL } from "../../core/http.ts";
import { parseTopic } from "../../core/topic.ts";
import type { Ask } from "../../net/http-client.ts";
import { appendOptions, encodeContent, encodeResponse, encodeValue } from "./content.ts";
import { jsonOf } from "./json.ts";
import { idOf, pathOf, Reads, textOf, timeOf } from "./reads.ts";

/** The store for a generator or a script of `xs eval`: each write happens at once. */
export class DirectXs extends Reads implements Xs {
  readonly #ask: Ask;
  readonly kv: Xs["kv"];

  constructor(ask: Ask) {
    super(ask);
    this.#ask = ask;
    this.kv = {
      get: (key) => this.value(key),
      list: (prefix) => this.entries(prefix),
      async put(key, value) {
        const { bytes, type } = encodeValue(value);
        const body = bytes as Uint8Array<ArrayBuffer>;
        await ask(pathOf(key), { method: "PUT", headers: { "content-type": type }, body });
      },
      async delete(key) {
        await ask(pathOf(key), { method: "DELETE" });
      },
    };
  }

  async append(
    topic: string,
    content?: XsContent | null,
    options: XsAppendOptions = {},
  ): Promise<void> {
    const { meta, ttl, at } = appendOptions(options);
    const { content: text = "", base64 } =
      content === undefined || content === null ? {} : encodeContent(content);
    const body = base64 === undefined ? text : Buffer.from(base64, "base64");
    const query = new URLSearchParams();
    if (ttl !== undefined) query.set("ttl", ttl);
    if (at !== undefined) query.set("at", timeOf(at, "at"));
    await this.#ask(
      `/stream/${parseTopic(textOf(topic, "topic"))}${query.size > 0 ? `?${query}` : ""}`,
      {
        method: "POST",
        body,
        ...(meta !== undefined && {
          headers: { "xs-meta": Buffer.from(jsonOf(meta, "the meta")).toString("base64") },
        }),
      },
    );
  }

  async remove(frame: XsFrame | string): Promise<void> {
    await this.#ask(`/${idOf(frame)}`, { method: "DELETE" });
  }

  async respond(
    request: XsFrame | string,
    response: XsResponse & { more?: boolean },
  ): Promise<void> {
    const known = typeof request === "string" ? { id: request, ttl: HTTP_TTL } : request;
    const { topic, meta, ttl, base64, content } = encodeResponse(known, response);
    const body = base64 === undefined ? content : Buffer.from(base64, "base64");
    await this.append(topic, body, { meta, ttl });
  }
}
