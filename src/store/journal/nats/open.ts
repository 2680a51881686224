import type { Cluster, Finding } from "../journal.ts";
import { NatsBlobs } from "./blobs.ts";
import { durabilityOf } from "./durability.ts";
import { NatsJournal } from "./journal.ts";
import { Link } from "./link.ts";
import { NatsMessages } from "./messages.ts";
import { blobStream, ensureStream, journalStream, streamInfo } from "./stream.ts";
import { parseNatsUrl } from "./url.ts";

export interface NatsJournalOptions {
  /** On how many servers each record is. Default 3 in a cluster, 1 on a server alone. */
  readonly replicas?: number;
  /** How long an append or a question tries before it is `journal_unreachable`, in ms. Default 5,000. */
  readonly deadlineMs?: number;
  /** How long to ask the replicas for a record that one of them has lost, in ms. Default 10,000. */
  readonly repairMs?: number;
}

const DEADLINE_MS = 5000;
const REPAIR_MS = 10_000;

/** A cluster that can say whether it is durable. */
export interface NatsCluster extends Cluster {
  /** What the promises stand on, each with whether it is so: for `requireDurable`. @throws XsError `journal_unreachable` */
  check(): Promise<Finding[]>;
}

/**
 * Opens the journal at a `nats://` address, and makes its streams if they are not there.
 *
 * @throws XsError `bad_option` if the address is wrong; `journal_unreachable`; `journal_unsafe` if a stream with its name
 *   breaks what a store promises
 */
export async function openNats(
  url: string,
  options: NatsJournalOptions = {},
): Promise<NatsCluster> {
  const address = parseNatsUrl(url);
  const link = await Link.open(address);
  try {
    await ensureStream(link, journalStream(address.name), options.replicas);
    await ensureStream(link, blobStream(address.name), options.replicas);
  } catch (error) {
    await link.close();
    throw error;
  }
  const { deadlineMs = DEADLINE_MS, repairMs = REPAIR_MS } = options;
  const journal = new NatsJournal(link, deadlineMs, repairMs);
  return {
    journal,
    blobs: new NatsBlobs(link, deadlineMs, repairMs),
    messages: new NatsMessages(link),
    check: () => durabilityOf(link),
    replicas: async () => {
      const { name } = journalStream(address.name);
      return Number((await streamInfo(link, name, deadlineMs)).config.num_replicas);
    },
    close: async () => {
      await journal.close();
      await link.close();
    },
  };
}
