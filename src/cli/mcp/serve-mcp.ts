import type { Address } from "../../client/address.ts";
import { sayThatItWaits } from "../kit/input.ts";
import { stopSignal } from "../kit/signals.ts";
import { type Allowed, Bounds } from "./bounds.ts";
import { Connection } from "./connection.ts";
import { Protocol } from "./protocol.ts";
import { SharedStore } from "./shared-store.ts";
import { toolsFor } from "./tools.ts";

/** Serves an MCP client over stdin and stdout, until the input ends or a signal stops it. */
export async function serveMcp(address: Address, allowed: Allowed): Promise<void> {
  const stopped = stopSignal();
  await sayThatItWaits("messages of an MCP client, one JSON-RPC message a line");
  const protocol = new Protocol(toolsFor(allowed), allowed);
  const context = { store: new SharedStore(address), bounds: new Bounds(allowed) };
  await new Connection(protocol, context).run(Bun.stdin.stream(), stopped);
}
