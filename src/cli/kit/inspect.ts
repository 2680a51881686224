import type { Address } from "../../client/address.ts";
import type { Client } from "../../client/client.ts";
import { shellWord, XsError } from "../../core/error.ts";
import type { Backend } from "../../ui/backend.ts";
import { controlProcessor } from "./control-processor.ts";
import { handlerState } from "./handler-state.ts";

/** How the inspector may use a store. */
interface Use {
  /** The page may change the store. */
  readonly writes: boolean;
  /** The only environment variables that a script gets that runs again; all but the token where it is left out. */
  readonly scriptEnv?: readonly string[] | undefined;
}

/** What the inspector needs of a store, over a client. */
export function backendOf(client: Client, address: Address, { writes, scriptEnv }: Use): Backend {
  const name = "url" in address ? address.url : address.directory;
  return {
    name,
    ask: client.request,
    stateOf(handler, at, signal) {
      // The person asked for a look, not for the code of another machine.
      if (at !== undefined && "url" in address) {
        throw new XsError(
          "bad_request",
          `that would run a script of ${name} on this machine; to do so, use  xs handler state ${shellWord(name)} ${shellWord(handler)} --at ${at}`,
        );
      }
      return handlerState({ client, name: handler, id: at, signal, scriptEnv });
    },
    ...(writes && {
      control: (processor, action) => controlProcessor(client, { address }, processor, action),
    }),
  };
}
