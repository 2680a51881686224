import { expect, setDefaultTimeout } from "bun:test";
import { connect } from "@nats-io/transport-node";
import type { Finding } from "../../src/store/journal/journal.ts";
import { natsConfig, PASSWORD_PLACEHOLDER } from "../../src/store/journal/nats/config.ts";
import { requireDurable } from "../../src/store/journal/nats/durability.ts";
import { openNats } from "../../src/store/journal/nats/open.ts";
import { checkNatsConfig, freePorts, NatsServers } from "../support/nats.ts";
import { natsTest } from "../support/nats-test.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

async function findingsAt(url: string, replicas?: number): Promise<Finding[]> {
  const cluster = await openNats(url, replicas === undefined ? {} : { replicas });
  try {
    return await cluster.check();
  } finally {
    await cluster.close();
  }
}

function wrongIn(findings: readonly Finding[]): string {
  const wrong = findings.filter(({ ok }) => !ok);
  return wrong.map(({ what, howToMend }) => `${what}: ${howToMend}`).join("\n");
}

natsTest("three servers that sync each record are durable, also one alone", async () => {
  for (const count of [1, 3]) {
    await using servers = await NatsServers.start(count);
    const findings = await findingsAt(servers.url("notes"));
    expect(wrongIn(findings)).toBe("");
    expect(() => requireDurable(findings)).not.toThrow();
    const said = findings.map(({ what }) => what).join("\n");
    expect(said).toContain("n1 (127.0.0.1:");
    expect(said).toContain(
      count === 1 ? "XS_notes: one machine, no replication" : "XS_notes is on 3 of 3 servers",
    );
    expect(findings.filter(({ what }) => what.includes("syncs each record"))).toHaveLength(count);
  }
});

natsTest("a server that syncs now and then is not durable", async () => {
  await using servers = await NatsServers.start(1, { syncInterval: "2m" });
  const findings = await findingsAt(servers.url("notes"));
  expect(wrongIn(findings)).toContain("syncs to disk only every 120 s");
  expect(wrongIn(findings)).toContain("sync_interval: always");
  expect(() => requireDurable(findings)).toThrow(
    expect.objectContaining({ code: "journal_unsafe" }),
  );
  expect(() => requireDurable(findings)).toThrow("--unsafe-journal");
});

natsTest(
  "a server that cannot be asked, is not NATS or is not named, and too few replicas",
  async () => {
    await using servers = await NatsServers.start(3);
    const [a = 0, b = 0, c = 0] = servers.monitors;
    const at = (monitors: readonly number[], ports = servers.ports) =>
      `${servers.url("notes", ports).replace(/\?.*/, "")}?monitor=${monitors.join(",")}`;
    const [free = 0] = await freePorts(1);
    expect(wrongIn(await findingsAt(at([a, b, free])))).toMatch(/does not answer.*nobody listens/);
    using other = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) => Response.json(request.url.endsWith("/varz") ? {} : []),
    });
    expect(wrongIn(await findingsAt(at([a, b, other.port ?? 0])))).toContain("is no NATS server");
    using page = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("hello") });
    expect(wrongIn(await findingsAt(at([a, b, page.port ?? 0])))).toContain("no JSON");
    // The port of one server stands there twice, so that one was never asked.
    expect(wrongIn(await findingsAt(at([a, b, b])))).toContain("n3 holds XS_notes");
    expect(wrongIn(await findingsAt(at([a, b], servers.ports.slice(0, 2))))).toContain(
      "name each server",
    );
    expect(wrongIn(await findingsAt(at([a, b, c])))).toBe("");
    const single = await findingsAt(servers.url("single"), 1);
    expect(wrongIn(single)).toContain("XS_single is on 1 of 3 servers");
    expect(wrongIn(single)).toContain("--replicas 3");
    // One of three is down.
    await servers.kill(2);
    const findings = await findingsAt(at([a, b, c]));
    expect(wrongIn(findings)).toContain(`127.0.0.1:${servers.ports[2]} of NATS is down`);
    // A node that was there before starts all the same; a new one waits until all have been asked.
    expect(() => requireDurable(findings)).toThrow("is down: start it");
    expect(() => requireDurable(findings, true)).not.toThrow();
    // A port that is not that of a server which is up is no server that is down.
    const missing = await findingsAt(at([a, free, c]));
    expect(() => requireDurable(missing, true)).toThrow("does not answer");
  },
);

natsTest("a stream that drops records is refused", async () => {
  await using servers = await NatsServers.start(1);
  const first = await openNats(servers.url("notes"));
  await first.close();
  const nc = await connect({ port: servers.ports[0] ?? 0 });
  const { config } = JSON.parse(
    (await nc.request("$JS.API.STREAM.INFO.XS_notes", "")).string(),
  ) as { config: object };
  const edit = { ...config, max_age: 3_600_000_000_000, max_bytes: 1_000_000 };
  await nc.request("$JS.API.STREAM.UPDATE.XS_notes", JSON.stringify(edit));
  await nc.close();
  const refused = openNats(servers.url("notes"));
  await expect(refused).rejects.toMatchObject({ code: "journal_unsafe" });
  await expect(refused).rejects.toThrow(/XS_notes.*max_age 3600000000000.*max_bytes 1000000/);
});

natsTest("a server without JetStream, and one that wants a password", async () => {
  await using servers = await NatsServers.start(1, {
    more: 'accounts { A: { users: [{ user: a, password: "s3cret" }] } }',
  });
  const refused = openNats(servers.url("notes", servers.ports, "a:wrong@"));
  await expect(refused).rejects.toThrow(/refuses this user.*USER:PASSWORD@/);
  await expect(refused).rejects.not.toThrow("wrong@");
  await expect(openNats(servers.url("notes", servers.ports, "a:s3cret@"))).rejects.toThrow(
    /JetStream not enabled for account.*enable it/,
  );
  await using without = await NatsServers.start(1, { jetStream: false });
  await expect(openNats(without.url("notes"))).rejects.toThrow(
    /without JetStream: set {2}jetstream/,
  );
  const [free = 0] = await freePorts(1);
  await expect(openNats(`nats://127.0.0.1:${free}/notes`)).rejects.toMatchObject({
    code: "journal_unreachable",
  });
  await expect(openNats("nats://127.0.0.1/notes?creds=/none")).rejects.toMatchObject({
    code: "bad_option",
  });
});

natsTest("the configuration that is printed is taken by nats-server", async () => {
  for (const servers of [["10.0.0.1", "10.0.0.2", "10.0.0.3"], ["localhost"]]) {
    for (const at of servers.keys()) {
      const config = natsConfig({ name: "my-notes", servers, at });
      expect(checkNatsConfig(config)).toBe("");
      expect(config).toContain("sync_interval: always");
      expect(config).toContain(PASSWORD_PLACEHOLDER);
      expect(config).toContain(
        `nats://my-notes:${PASSWORD_PLACEHOLDER}@${servers.join(",")}/my-notes`,
      );
    }
  }
});

natsTest("a server that has hardly room is named, and is durable", async () => {
  await using servers = await NatsServers.start(1, { maxFile: "32MB" });
  const cluster = await openNats(servers.url("notes"));
  let findings = await cluster.check();
  expect(wrongIn(findings)).toBe("");
  let last = 0;
  for (; wrongIn(findings) === "" && last < 65; findings = await cluster.check()) {
    last = await cluster.journal.append(last, new Uint8Array(500_000));
  }
  const full = findings.filter(({ ok }) => !ok);
  expect(full.map(({ what }) => what)).toEqual([
    expect.stringMatching(/may store 1 of 32 MiB more/),
  ]);
  expect(full[0]?.howToMend).toContain("max_file_store");
  requireDurable(findings);
  await cluster.close();
});
