import { messages } from "./messages.ts";

/** What is said of a node. */
interface ShownNode {
  readonly name: string;
  readonly isClosed: boolean;
  /** The epoch in which it leads; undefined while it does not. */
  readonly epoch: number | undefined;
  readonly replica: {
    readonly options: { readonly name: string };
    readonly state: {
      readonly leader: { readonly node: string; readonly epoch: number } | undefined;
    };
    readonly commits: { readonly problem: Error | undefined };
  };
}

/** How often to look whether something is to be said, in ms. */
const LOOK_MS = 1000;

/** What a server says of its node to a person. */
export class NodeLines {
  readonly #node: ShownNode;

  constructor(node: ShownNode) {
    this.#node = node;
  }

  /** The node that a directory is, and who leads: a piece of a sentence. */
  get words(): string {
    return wordsOf(this.#node);
  }

  /** Begins to say what changes. */
  start(): void {
    showNode(this.#node);
  }
}

function wordsOf(node: ShownNode): string {
  const { state, options } = node.replica;
  const leader = state.leader?.node;
  const isOther = leader && leader !== node.name;
  const who = isOther ? `${leader} leads` : "who leads is not known yet";
  const words = node.epoch === undefined ? who : "which leads";
  return ` as the node ${node.name} of the journal ${options.name} (${words})`;
}

/** Says when another node begins to lead, and when the journal does not answer, or answers again. */
function showNode(node: ShownNode): void {
  const { commits, state } = node.replica;
  let leader = state.leader?.node;
  let problem = commits.problem?.message;
  const timer = setInterval(() => {
    if (node.isClosed) return clearInterval(timer);
    const now = state.leader?.node;
    // What this node does itself has its own line.
    if (now !== leader && now && now !== node.name) {
      messages.info(`the node ${now} leads (epoch ${state.leader?.epoch})`);
    }
    leader = now;
    const wrong = commits.problem?.message;
    if (wrong !== problem) {
      if (wrong === undefined) messages.info("the journal answers again: writes go on");
      else messages.warn(wrong);
    }
    problem = wrong;
  }, LOOK_MS);
  timer.unref();
}
