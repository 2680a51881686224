/** What a configuration of NATS is made for. */
export interface NatsConfigWish {
  /** Of the store, as in the address of its journal. */
  readonly name: string;
  /** The names or addresses of the machines, under which they reach each other. One, or three or five. */
  readonly servers: readonly string[];
  /** Which of them it is for. Default the first. */
  readonly at?: number;
}

/** What stands in the place of a secret until someone replaces it. */
export const PASSWORD_PLACEHOLDER = "REPLACE_THIS_PASSWORD";

/** Above the default of 1 MB, so that few commits need several messages. */
const MAX_PAYLOAD = "8MB";

/** A configuration of nats-server on which the promises of a replicated store hold. */
export function natsConfig({ name, servers, at = 0 }: NatsConfigWish): string {
  const host = servers[at] ?? "";
  const others = servers.map((server, i) => ({ server, i })).filter(({ i }) => i !== at);
  const address = `nats://${name}:${PASSWORD_PLACEHOLDER}@${servers.join(",")}/${name}`;
  return `# nats-server (2.12 or newer) for the journal of the store ${JSON.stringify(name)}, on ${host}:
#   nats-server -c nats.conf
# Before that, replace ${PASSWORD_PLACEHOLDER}, everywhere the same. On each node of the store then:
#   xs serve ./store --journal '${address}'
${servers.length > 1 ? "# The other machines need this file too, each with its own server_name and routes.\n" : ""}
server_name: ${JSON.stringify(`${name}-${at + 1}`)}
listen: "0.0.0.0:4222"

# For \`xs nodes check\`, and for each node at its start. It has no password: let only the nodes reach it.
http: "0.0.0.0:8222"

max_payload: ${MAX_PAYLOAD}

jetstream {
  store_dir: "/var/lib/nats"
  # What is acknowledged is on disk. The default syncs every two minutes, and a power cut takes the rest.
  sync_interval: always
}

authorization {
  user: ${JSON.stringify(name)}
  password: "${PASSWORD_PLACEHOLDER}"
}

# The passwords go over the network: outside a network that only the nodes are on, use TLS, and tls:// in the address.
# tls { cert_file: "/etc/nats/cert.pem", key_file: "/etc/nats/key.pem", ca_file: "/etc/nats/ca.pem" }
${others.length > 0 ? cluster(name, others) : ""}`;
}

function cluster(name: string, others: readonly { server: string; i: number }[]): string {
  const routes = others.map(
    ({ server }) => `    "nats://route:${PASSWORD_PLACEHOLDER}@${server}:6222"\n`,
  );
  return `
cluster {
  name: ${JSON.stringify(name)}
  listen: "0.0.0.0:6222"
  authorization { user: "route", password: "${PASSWORD_PLACEHOLDER}" }
  routes: [
${routes.join("")}  ]
}
`;
}
