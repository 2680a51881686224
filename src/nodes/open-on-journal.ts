import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ContentPolicy } from "../store/content-policy.ts";
import { NODE_NAME } from "../store/is-store.ts";
import { requireDurable } from "../store/journal/nats/durability.ts";
import { openNats } from "../store/journal/nats/open.ts";
import { parseNatsUrl } from "../store/journal/nats/url.ts";
import type { MigrationListener } from "../store/migration.ts";
import type { Node } from "./node.ts";
import { openNode } from "./open-node.ts";

/** How a directory becomes a node of the store that a URL names. */
export interface JournalOptions {
  /** `nats://HOST,HOST,HOST/NAME`, see `parseNatsUrl`. */
  readonly journal: string;
  /** The name of the node, where one is asked for. */
  readonly node: string | undefined;
  /** How much of the large content it has; default: all. */
  readonly content?: ContentPolicy | undefined;
  /** Starts also where the journal may lose what it acknowledged, or cannot be asked. */
  readonly unsafe?: boolean;
  readonly migration?: MigrationListener;
}

/**
 * Opens a directory as a node of the store whose journal a URL names. Resolves to undefined where another process has it
 * open.
 *
 * @throws XsError as `openNats` and `openNode`; `journal_unsafe` where the journal is not durable
 */
export async function openOnJournal(
  directory: string,
  { journal, unsafe = false, ...options }: JournalOptions,
): Promise<Node | undefined> {
  const cluster = await openNats(journal);
  try {
    if (!unsafe) requireDurable(await cluster.check(), existsSync(join(directory, NODE_NAME)));
    const { name } = parseNatsUrl(journal);
    const node = await openNode(directory, { ...options, name, cluster });
    if (!node) await cluster.close();
    return node;
  } catch (error) {
    await cluster.close();
    throw error;
  }
}
