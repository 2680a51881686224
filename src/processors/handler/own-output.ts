import { type Frame, idInLine } from "../../core/frame.ts";
import type { Store } from "../../store/store.ts";
import { requestIn } from "../lifecycle/registry.ts";

/**
 * Recognises what handlers of one name have written, and what the runtime wrote about them. Such a frame names one of
 * their spawns. An import may bring frames of another store without their spawn; the topic tells then.
 */
export class OwnOutput {
  readonly #store: Pick<Store, "get">;
  readonly #name: string;
  readonly #isSpawn: (id: string) => boolean;
  /** Topics with the output of handlers of this name alone, wherever they ran. */
  readonly #topics: ReadonlySet<string>;

  /** @param isSpawn whether an id is that of a known spawn of this name */
  constructor(store: Pick<Store, "get">, name: string, isSpawn: (id: string) => boolean) {
    this.#store = store;
    this.#name = name;
    this.#isSpawn = isSpawn;
    this.#topics = new Set(["out", "error", "stderr"].map((suffix) => `${name}.${suffix}`));
  }

  /** Whether an encoded frame is the handler's own. */
  has(line: string, id = idInLine(line)): boolean {
    if (this.#isSpawn(id)) return true;
    if (!line.includes('_id":"')) return false;
    const { topic, meta } = JSON.parse(line) as Frame;
    if (typeof meta !== "object" || meta === null || Array.isArray(meta)) return false;
    const { handler_id: handler, spawn_id: spawn } = meta;
    const maker = typeof handler === "string" ? handler : spawn;
    if (typeof maker !== "string") return false;
    if (this.#isSpawn(maker) || this.#isSpawn(spawn as string)) return true;
    if (topic.startsWith("stream.cross.handler.")) return meta.topic === this.#name;
    return this.#topics.has(topic) && !this.#isOfAnother(maker);
  }

  /** Whether a spawn is known and has another name. Any handler may append to any topic. */
  #isOfAnother(spawnId: string): boolean {
    try {
      const line = this.#store.get(spawnId);
      return line !== undefined && requestIn(JSON.parse(line) as Frame) !== undefined;
    } catch {
      // That frame is damaged.
      return false;
    }
  }
}
