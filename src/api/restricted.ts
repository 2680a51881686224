import type { Access } from "../core/access.ts";
import { linesIn, pageOf } from "../core/frame.ts";
import { contentOfChunkKey, topicInLine } from "../core/index-keys.ts";
import { RUNTIME_PREFIX } from "../core/topic.ts";
import { nextTurn } from "../lib/next-turn.ts";
import type { LineReader } from "../store/frame-reader.ts";
import type { Kv } from "../store/kv.ts";
import type { Store } from "../store/store.ts";
import type { AppendCondition, AppendRequest } from "../store/types.ts";

/**
 * A store as a token sees it: frames that it does not read are not there, and what it may not do is refused. Members
 * that are not named here are for the owner, so that a new one is closed to tokens.
 */
export function restricted(store: Store, access: Access): Store {
  const get = (id: string) => {
    const line = store.get(id);
    return line !== undefined && access.reads(topicInLine(line)) ? line : undefined;
  };
  const seen = {
    content: restrictedContent(store, access),
    kv: restrictedKv(store.kv, access),

    async append(request, condition) {
      return store.append(own(store, access, request), conditionOf(access, request, condition));
    },
    async apply(changes, condition) {
      const owned = changes.map((change) => {
        if (!("append" in change)) throw access.refusal("appends, and does nothing else");
        return { append: own(store, access, change.append) };
      });
      return store.apply(owned, conditionOf(access, owned[0]?.append, condition));
    },
    get,
    neighbour: (id, direction, topics) => store.neighbour(id, direction, access.narrowed(topics)),
    async newestDurable(id, direction, topics, bounds) {
      return store.newestDurable(id, direction, access.narrowed(topics), bounds);
    },
    topics(patterns) {
      const reader = store.topics(access.narrowed(patterns));
      return withoutLines(reader, (line) => !access.reads(topicIn(line)));
    },
    histogram: (range, signal) =>
      store.histogram({ ...range, topics: access.narrowed(range.topics) }, signal),
    whenDurable: () => store.whenDurable(),
    async trace(id, direction, options) {
      if (get(id) === undefined) return undefined;
      return store.trace(id, direction, { ...options, sees: (topic) => access.reads(topic) });
    },
    read(options) {
      const first = contentOfChunkKey(options.topics?.[0] ?? "");
      if (first !== undefined) {
        if (get(first) === undefined) throw access.refusal("does not read this content");
        const reader = store.read(options);
        return {
          ...withoutLines(reader, (line) => !access.reads(topicInLine(line))),
          get position() {
            return reader.position;
          },
          get isCaughtUp() {
            return reader.isCaughtUp;
          },
        };
      }
      const topics = access.narrowed(options.topics);
      const { topics: _, ...rest } = options;
      return store.read({ ...rest, ...(topics && { topics }) });
    },
    search: {
      find(request) {
        access.checkReads();
        const topics = access.narrowed(request.topics);
        const { topics: _, ...rest } = request;
        return store.search.find({ ...rest, ...(topics && { topics }) });
      },
    },
    isGrowing: (id) => get(id) !== undefined && store.isGrowing(id),
  } satisfies Partial<Store>;
  return new Proxy(seen, {
    get(target, name) {
      if (Object.hasOwn(target, name)) return target[name as keyof typeof target];
      throw access.refusal("is not for this, which takes the token of the owner");
    },
  }) as unknown as Store;
}

/** The request of a token: with the name of the token in its meta. @throws XsError `forbidden`, `bad_meta` */
function own(store: Store, access: Access, request: AppendRequest): AppendRequest {
  try {
    // Readers of chunked content wait for its last frame, which says that it broke off.
    if (typeof request.growing !== "object") access.checkLasts();
    access.checkAppend(request.topic);
    return { ...request, meta: access.stamped(request.meta), token: access.scope.name };
  } catch (error) {
    store.content.unpin(request.content);
    throw error;
  }
}

function conditionOf(
  access: Access,
  request: AppendRequest | undefined,
  condition: AppendCondition = {},
): AppendCondition {
  const { expectLast } = condition;
  // The refusal of a wrong guess tells the newest id.
  if (expectLast !== undefined && request && !access.reads(request.topic)) {
    throw access.refusal(
      `does not read ${request.topic}, so it may not make an append depend on its newest frame (xs-expect-last)`,
    );
  }
  return {
    ...(expectLast !== undefined && { expectLast }),
    ...ownKey(access, condition),
  };
}

/** Each token has its own idempotency keys. No client can send one with a space. */
function ownKey(
  access: Access,
  { idempotencyKey }: Pick<AppendCondition, "idempotencyKey"> = {},
): Pick<AppendCondition, "idempotencyKey"> {
  if (idempotencyKey === undefined) return {};
  return { idempotencyKey: `${access.scope.name} ${idempotencyKey}` };
}

function restrictedContent({ content }: Store, access: Access): Store["content"] {
  return {
    take: (body, ephemeral) => content.take(body, ephemeral),
    keep: (...contents) => content.keep(...contents),
    unpin: (taken) => content.unpin(taken),
    open: (hash) => content.open(hash),
    inline: (page) => content.inline(page),
    sizeOf(hash) {
      if (access.readsEverything) return content.sizeOf(hash);
      throw access.refusal(
        "may not name content by its hash, which may be that of a frame that it does not read: send the content itself",
      );
    },
  };
}

function restrictedKv(kv: Kv, access: Access): Kv {
  const checked = (key: string) => {
    access.checkLasts();
    access.checkKey(key);
  };
  return {
    async get(key) {
      checked(key);
      return kv.get(key);
    },
    async put(key, type, value, condition) {
      checked(key);
      return kv.put(key, type, value, { ...condition, ...ownKey(access, condition) });
    },
    async delete(key, condition) {
      checked(key);
      return kv.delete(key, { ...condition, ...ownKey(access, condition) });
    },
    read(scope, options) {
      if ("key" in scope) {
        checked(scope.key);
        return kv.read(scope, options);
      }
      const prefix = access.narrowedPrefix(scope.prefix);
      const reader = kv.read({ prefix }, options);
      return access.hidesKeysOf(prefix) ? withoutLines(reader, isRuntimeKey) : reader;
    },
  };
}

function isRuntimeKey(line: string): boolean {
  const { key = "" } = JSON.parse(line) as { key?: string };
  return key.startsWith(RUNTIME_PREFIX);
}

/** The topic in a line of the listing of topics. */
function topicIn(line: string): string {
  return (JSON.parse(line) as { topic: string }).topic;
}

/** A read that leaves lines out. */
function withoutLines(reader: LineReader, isHidden: (line: string) => boolean): LineReader {
  return {
    async next() {
      for (let page = await reader.next(); page; page = await reader.next()) {
        const lines = linesIn(page).filter((line) => !isHidden(line));
        if (lines.length > 0) return pageOf(lines);
        await nextTurn();
      }
      return undefined;
    },
    close: () => reader.close(),
  };
}
