import { expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { nkeys } from "@nats-io/transport-node";
import { openNats } from "../../src/store/journal/nats/open.ts";
import { freePorts, hasNats, NatsServers } from "../support/nats.ts";
import { natsTest } from "../support/nats-test.ts";
import { tempDir } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const RECORD = new Uint8Array([1, 2, 3]);

/** Everything that a node does on NATS works at this address. */
async function works(url: string): Promise<void> {
  const { journal, blobs, messages, close } = await openNats(url);
  const { last } = await journal.extent();
  const place = await journal.append(last, RECORD);
  expect(await journal.get(place)).toEqual(RECORD);
  const following = journal.follow(last, () => following.stop());
  await following.ended;
  await blobs.put(
    "b",
    (async function* () {
      yield new Uint8Array(2_000_000);
    })(),
  );
  expect(await new Response(await blobs.open("b")).arrayBuffer()).toHaveProperty(
    "byteLength",
    2_000_000,
  );
  messages.answer("me", async (body) => body);
  expect(await messages.ask("me", RECORD, 5000)).toEqual(RECORD);
  await close();
}

const openssl = Bun.which("openssl");
if (!openssl) process.stderr.write("tests of TLS with NATS are skipped: there is no openssl\n");

/** A certificate for loopback, and who signed it. */
function certificates(folder: string): { ca: string; cert: string; key: string } {
  const run = (...args: string[]): void => {
    const { exitCode, stderr } = Bun.spawnSync([openssl ?? "", ...args], { cwd: folder });
    if (exitCode !== 0) throw new Error(String(stderr));
  };
  const pair = ["-newkey", "rsa:2048", "-nodes", "-subj"];
  run("req", "-x509", "-days", "3", ...pair, "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem");
  run("req", ...pair, "/CN=localhost", "-keyout", "key.pem", "-out", "csr");
  writeFileSync(join(folder, "ext"), "subjectAltName=DNS:localhost,IP:127.0.0.1");
  const signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "3"];
  run("x509", "-req", "-in", "csr", ...signed, "-extfile", "ext", "-out", "cert.pem");
  const at = (name: string): string => join(folder, name);
  return { ca: at("ca.pem"), cert: at("cert.pem"), key: at("key.pem") };
}

test.skipIf(!hasNats || !openssl)("TLS, with certificates on both sides", async () => {
  const { ca, cert, key } = certificates(tempDir());
  await using servers = await NatsServers.start(1, {
    more: `tls { cert_file: "${cert}", key_file: "${key}", ca_file: "${ca}", verify: true }
authorization { user: me, password: "p@ss" }`,
  });
  const url = servers.url("notes", servers.ports, "me:p%40ss@");
  await works(`${url.replace("nats:", "tls:")}&ca=${ca}&cert=${cert}&key=${key}`);
  await works(`${url}&tls&ca=${ca}&cert=${cert}&key=${key}`);
  await expect(openNats(`${url}&tls`)).rejects.toThrow(/no TLS.*ca=FILE/);
  await expect(openNats(url)).rejects.toThrow(/no TLS.*ca=FILE/);
  const wrong = openNats(`${url.replace("p%40ss", "wrong")}&ca=${ca}&cert=${cert}&key=${key}`);
  await expect(wrong).rejects.toThrow("refuses this user");
  await expect(openNats(`${url}&ca=/none.pem`)).rejects.toMatchObject({ code: "bad_option" });
});

natsTest("a token, and a user who may not do everything", async () => {
  await using servers = await NatsServers.start(1, { more: 'authorization { token: "t0ken" }' });
  await works(servers.url("notes", servers.ports, "t0ken@"));
  await using others = await NatsServers.start(1, {
    more: `accounts { A: { jetstream: enabled, users: [
      { user: right, password: p, permissions: {
        publish: ["xs.notes.>", "$JS.API.>", "$O.XS_notes.>", "_INBOX.>"], subscribe: ["xs.notes.>", "_INBOX.>"] } },
      { user: reader, password: p, permissions: { publish: ["$JS.API.>"], subscribe: ["_INBOX.>"] } },
      { user: deaf, password: p, permissions: { publish: [">"], subscribe: ["xs.>"] } },
    ] } }`,
  });
  const at = (user: string) => others.url("notes", others.ports, `${user}:p@`);
  await works(at("right"));
  const { journal, close } = await openNats(at("reader"));
  expect(await journal.get(1)).toEqual(RECORD);
  await expect(journal.append(1, RECORD)).rejects.toThrow(/no publish on "xs.notes.c"/);
  await close();
  await expect(openNats(at("deaf"))).rejects.toThrow(/no subscription on "_INBOX/);
});

natsTest("a leaf of the servers that hold the journal", async () => {
  const [port = 0] = await freePorts(1);
  await using hub = await NatsServers.start(1, {
    domain: "hub",
    more: `leafnodes { listen: "127.0.0.1:${port}" }`,
  });
  await using leaf = await NatsServers.start(1, {
    jetStream: false,
    more: `leafnodes { remotes: [{ url: "nats://127.0.0.1:${port}" }] }`,
  });
  const monitors = hub.monitors.map((monitor) => `127.0.0.1:${monitor}`).join(",");
  const url = `nats://127.0.0.1:${leaf.ports[0]}/notes?domain=hub&monitor=${monitors}`;
  await works(url);
  const { check, close } = await openNats(url);
  expect((await check()).every(({ ok }) => ok)).toBe(true);
  await close();
});

/** A JWT of NATS: https://docs.nats.io/running-a-nats-service/nats_admin/security/jwt */
function jwt(issuer: nkeys.KeyPair, subject: nkeys.KeyPair, name: string, nats: object): string {
  const part = (value: object | Uint8Array): string =>
    Buffer.from(value instanceof Uint8Array ? value : JSON.stringify(value)).toString("base64url");
  const head = part({ typ: "JWT", alg: "ed25519-nkey" });
  const claims = part({
    jti: crypto.randomUUID(),
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    name,
    nats: { ...nats, version: 2 },
  });
  const signature = issuer.sign(new TextEncoder().encode(`${head}.${claims}`));
  return `${head}.${claims}.${part(signature)}`;
}

natsTest("a creds file", async () => {
  const [operator, account, system, user] = [
    nkeys.createOperator(),
    nkeys.createAccount(),
    nkeys.createAccount(),
    nkeys.createUser(),
  ];
  const none = { subs: -1, data: -1, payload: -1, conn: -1, leaf: -1, imports: -1, exports: -1 };
  const store = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const accounts = [
    [account, "store", { ...none, ...store, wildcards: true }],
    [system, "SYS", none],
  ] as const;
  const resolved = accounts.map(
    ([pair, name, limits]) =>
      `${pair.getPublicKey()}: ${jwt(operator, pair, name, { type: "account", limits })}`,
  );
  const claims = { type: "user", pub: {}, sub: {}, subs: -1, data: -1, payload: -1 };
  const creds = join(tempDir(), "node.creds");
  writeFileSync(
    creds,
    `-----BEGIN NATS USER JWT-----
${jwt(account, user, "node", claims)}
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
${new TextDecoder().decode(user.getSeed())}
------END USER NKEY SEED------
`,
  );
  await using servers = await NatsServers.start(1, {
    more: `operator: ${jwt(operator, operator, "op", { type: "operator", system_account: system.getPublicKey() })}
system_account: ${system.getPublicKey()}
resolver: MEMORY
resolver_preload { ${resolved.join("\n")} }`,
  });
  await works(`${servers.url("notes")}&creds=${encodeURIComponent(creds)}`);
  await expect(openNats(servers.url("notes"))).rejects.toThrow(/refuses this user.*creds=FILE/);
  const broken = join(tempDir(), "broken.creds");
  writeFileSync(broken, "nothing of the kind");
  await expect(openNats(`${servers.url("notes")}&creds=${broken}`)).rejects.toMatchObject({
    code: "bad_option",
  });
});
