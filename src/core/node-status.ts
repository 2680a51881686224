/** A node of a store on several machines, as the one that is asked knows it. */
export interface NodeStatus {
  readonly kind: "node";
  readonly name: string;
  /** Away: it did not answer, and the rest is what was last known of it. */
  readonly role: "leader" | "follower" | "away";
  /** The epoch that its records name; null where it is not known. */
  readonly epoch: number | null;
  /** The last record that it has applied. */
  readonly record: number | null;
  /** How many records it lacks, and how much older its newest frame is than the newest of all, in ms. */
  readonly behind: number | null;
  readonly behind_ms: number | null;
  /** The contents that it holds in files; null while they are counted. */
  readonly contents: number | null;
  readonly content_bytes: number | null;
  /** The large contents that it has not fetched. */
  readonly contents_elsewhere: number | null;
  readonly disk_free_bytes: number | null;
  /** How far its clock is ahead of that of the node that is asked, in ms. */
  readonly clock_ms: number | null;
  readonly version: string | null;
  /** The name of its machine, and where it serves the API over the network, if it does. */
  readonly host: string | null;
  readonly address: string | null;
  /** When it last answered, where it is away and has. */
  readonly last_seen: string | null;
  /** Why it does not do all that it should; null while it does. */
  readonly problem: string | null;
}

/** The journal of a store on several machines. */
export interface JournalStatus {
  readonly kind: "journal";
  readonly name: string;
  /** The numbers of its first and its last record; where it is out of reach, `last` is the highest that is known. */
  readonly first: number | null;
  readonly last: number;
  readonly reachable: boolean;
  /** On how many servers each record is. */
  readonly replicas: number | null;
  /** The name of the node that leads; null where none does. */
  readonly leader: string | null;
  /** How long its last append took, in ms, as the leader measured it. */
  readonly append_ms: number | null;
}

/** The nodes as rows of words, as the inspector's page shows them: the first has the heads. */
export interface NodesTable {
  readonly rows: readonly (readonly string[])[];
  /** What there is to say of the journal. */
  readonly journal: string;
}
