import { isNodeName } from "../../core/node-name.ts";
import { printText } from "../kit/show.ts";
import { text, UsageError, type Verb } from "../kit/verb.ts";

export const nodesConfigVerb: Verb = {
  name: "nodes config",
  summary: "Print a configuration of nats-server on which the promises hold",
  positionals: "NAME",
  options: {
    servers: text(
      "HOSTS",
      "the machines, one, or three or five: HOST,HOST,HOST (default: this one)",
    ),
    at: text("HOST", "which of them it is for (default: the first)"),
  },
  examples: [
    ["xs nodes config notes > nats.conf", "one machine; then  nats-server -c nats.conf"],
    [
      "xs nodes config notes --servers 10.0.0.1,10.0.0.2,10.0.0.3 --at 10.0.0.2",
      "for the second of three",
    ],
  ],
  async run({ positionals, options }) {
    const [name, ...more] = positionals;
    if (name === undefined) throw new UsageError("NAME, the name of the store, is missing");
    if (more.length > 0) throw new UsageError(`too many arguments: ${more.join(" ")}`);
    if (!isNodeName(name))
      throw new UsageError('the name of a store has letters, digits, "-" and "_", at most 64');
    const servers = serversIn(options.get("servers"));
    const wanted = options.get("at") ?? servers[0] ?? "";
    const at = servers.indexOf(wanted);
    if (at < 0) throw new UsageError(`--at ${wanted}: name one of ${servers.join(", ")}`);
    const { natsConfig } = await import("../../store/journal/nats/config.ts");
    await printText(natsConfig({ name, servers, at }));
  },
};

/** @throws UsageError */
function serversIn(given: string | undefined): string[] {
  const servers = (given ?? "127.0.0.1").split(",").map((host) => host.trim());
  for (const host of servers) {
    if (!/^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])$/.test(host))
      throw new UsageError(
        `--servers takes names or addresses, without ports, as in 10.0.0.1,10.0.0.2,10.0.0.3: ${JSON.stringify(host)} is none`,
      );
  }
  if (new Set(servers).size < servers.length)
    throw new UsageError("--servers names a machine twice: a majority has to be on different ones");
  if (servers.length % 2 === 0)
    throw new UsageError(
      `--servers takes one machine, or three or five: of ${servers.length}, no more may be lost than of ${servers.length - 1}`,
    );
  return servers;
}
