import type { Address } from "../../client/address.ts";
import type { Client } from "../../client/client.ts";
import { type ConnectOptions, connect as connectTo } from "../../client/connect.ts";
import type { XsError } from "../../core/error.ts";
import { isTerminal, STDERR } from "../../lib/is-terminal.ts";

/**
 * Connects to a store. Says on stderr where it makes one, and shows the migration of one of an older version.
 *
 * @throws as `connect` of the client
 */
export async function connect(address: Address, options: ConnectOptions = {}): Promise<Client> {
  const client = await connectTo(address, {
    migration,
    made: showNewStore,
    waiting: showWait,
    ...options,
  });
  if (!client.isDirect) answerer = "url" in address ? address.url : address.directory;
  return client;
}

let answerer: string | undefined;

/**
 * The failure where a command cannot make sense of what a server answered; undefined where the error cannot come from
 * that.
 */
export function answerProblem(error: unknown): string | undefined {
  const isOfReading =
    error instanceof SyntaxError || error instanceof TypeError || error instanceof RangeError;
  if (answerer === undefined || !isOfReading) return undefined;
  return `what ${answerer} answers is not what xs says (${error.message}): look which server is there, and whether  xs version  says the same for it as for this one`;
}

/**
 * Makes what shows the migration of a store to a person. Loaded only where a command opens a store: what writes to a
 * terminal takes longer to load than all the rest.
 */
export async function migration() {
  const { showMigration } = await import("./migration.ts");
  return showMigration();
}

async function showNewStore(directory: string): Promise<void> {
  const { messages } = await import("./messages.ts");
  messages.info(madeStore(directory));
}

/** Tells a person why nothing happens. Programs read what comes of it. */
function showWait({ message }: XsError): void {
  if (!isTerminal(STDERR)) return;
  void import("./messages.ts").then(({ messages }) =>
    messages.warn(`${message}; this command waits, and tries again`),
  );
}

/** Names, for a person, a store that a command made. */
export function madeStore(directory: string): string {
  return `made a new store at ${directory}`;
}
