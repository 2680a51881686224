import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { countOf, say, serving, spawn, WITH_NU } from "../support/processors.ts";
import { NU, startServer, XS } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home, type Outcome } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

/** What notes every request, and whether a token came with it. */
class Trap implements Disposable {
  readonly seen: string[] = [];
  readonly #server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: ({ url, headers }) => {
      this.seen.push(`${url} ${headers.get("authorization")}`);
      return new Response('{"topic":"stolen","id":"03hadtdyn9s2dxl5soli9q9dz"}\n');
    },
  });
  readonly address = `127.0.0.1:${this.#server.port}`;

  [Symbol.dispose](): void {
    void this.#server.stop(true);
  }
}

/** Runs nushell with the module, and gives how it ended. */
async function nu(
  home: Home,
  script: string,
  options: { env?: Record<string, string>; cwd?: string } = {},
): Promise<Outcome> {
  await Bun.write(join(home.path, "xs.nu"), await home.ok(["nu"]));
  const text = `use ${JSON.stringify(join(home.path, "xs.nu"))} *; ${script}`;
  const env = { XS, ...options.env };
  return home.run([NU, "--no-config-file", "-c", text], { ...options, env });
}

/** The same, of what has to succeed, as JSON. */
async function nuJson(
  home: Home,
  script: string,
  options: Parameters<typeof nu>[2] = {},
  // biome-ignore lint/suspicious/noExplicitAny: tests compare whole values
): Promise<any> {
  const { code, stdout, stderr } = await nu(home, `${script} | to json --raw`, options);
  if (code !== 0) throw new Error(`${script}: ${stderr}`);
  return JSON.parse(stdout);
}

/** Commands of the module that take a word of somebody else's. */
const TAKERS = [
  ".last $word",
  ".first $word",
  ".last $word 2",
  ".first $word 2",
  ".cat --topic $word",
  ".cat --last-id $word",
  ".cat --from $word",
  ".get $word",
  ".remove $word",
  ".rm $word",
  ".cas $word",
  "$word | .cas",
  ".kv get $word",
  ".kv delete $word",
  ".kv list $word",
  "'x' | .append $word",
  "'x' | .append note --ttl $word",
  "'x' | .kv put $word",
  ".id unpack $word",
];

test("no word of a user becomes an option or an address for the module", async () => {
  using home = new Home();
  using trap = new Trap();
  const other = join(home.path, "other");
  await home.ok(["append", other, "classified"], { stdin: "of another store" });
  await home.ok(["append", home.store, "mine"], { stdin: "x" });
  const words = [
    `http://${trap.address}`,
    trap.address,
    trap.address.replace(/.*:/, ":"),
    other,
    "../other",
    "--follow",
    "-f",
    "--help",
    "--",
    "2",
    "",
  ];
  const script = (
    words: readonly string[],
  ) => `[${words.map((word) => JSON.stringify(word)).join(" ")}] | each {|word|
    [${TAKERS.map((taker) => `{|| ${taker} }`).join(" ")}] | each {|taker| try { do $taker } catch { null } }
  }`;
  const env = { XS_TOKEN: "a-secret-token" };
  const work = join(home.path, "work");
  await home.ok(["append", join(work, "store"), "mine"], { stdin: "x" });
  for (const [given, address] of [
    [words, { XS_ADDR: home.store }],
    [words.slice(0, 4), { XS_ADDR: "./store" }],
    // The store is found, not named.
    [words.slice(0, 4), {}],
  ] as const) {
    const options = { env: { ...env, ...address }, cwd: work };
    const text = JSON.stringify(await nuJson(home, script(given), options));
    for (const leak of ["classified", "stolen", "Usage"]) expect(text).not.toContain(leak);
    expect(trap.seen).toEqual([]);
  }
  expect(await home.topics(other)).toEqual(["classified"]);
  expect(await home.ok(["kv", "list", other])).toBe("");
});

test("no word of a visitor leads a handler elsewhere", async () => {
  using home = new Home();
  using trap = new Trap();
  const other = join(home.path, "other");
  await home.ok(["append", other, "classified"], { stdin: "of another store" });
  const words = [`http://${trap.address}`, other, "--follow", "../kv/secret?x=", "..", "2"];
  await serving(
    async (server) => {
      await server.fetch("/kv/secret", { method: "PUT", body: "hidden value" });
      const nuScript = `{ topics: [ask], run: {|frame, state|
        let word = $frame.meta.word
        { out: { found: [${TAKERS.filter((taker) => !/remove|rm|delete|put|append/.test(taker)).map((taker) => `(try { ${taker} } catch { null })`)}] } }
      } }`;
      const tsScript = `export default { topics: ["ask"], async run({ meta: { word } }, _, xs) {
        const found = [];
        const list = async (all) => { const rows = []; for await (const row of all) rows.push(row); return rows; };
        for (const take of [xs.last, xs.first, xs.get, xs.cas, xs.text, xs.kv.get, (topic) => list(xs.cat({ topic }))]) {
          found.push(await Promise.resolve(take.call(xs, word)).catch(() => null));
        }
        return { out: { found } };
      } }`;
      await spawn(server, "handler", "nu", nuScript);
      await spawn(server, "handler", "ts", tsScript);
      for (const word of words) await say(server, "ask", { word });
      for (const topic of ["nu.out", "ts.out"]) {
        const found = JSON.stringify(await countOf(server, topic, words.length));
        for (const leak of ["classified", "stolen", "hidden", "stream.cross."]) {
          expect(found).not.toContain(leak);
        }
      }
      expect(trap.seen).toEqual([]);
      expect(await (await server.fetch("/kv/secret")).text()).toBe("hidden value");
    },
    { ...WITH_NU, XS_TOKEN: "a-secret-token" },
  );
});

test("no word becomes another path or option for xs eval in TypeScript", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  await server.fetch("/kv/secret", { method: "PUT", body: "hidden value" });
  const refused = async (call: string, message: string) => {
    const run = await home.xs(["eval", home.store, "-c", `export default (xs) => ${call}`]);
    expect([call, run.code, run.stdout]).toEqual([call, 1, ""]);
    expect([call, run.stderr]).toEqual([call, expect.stringContaining(message)]);
  };
  for (const word of ["../kv/x?a=", "../kv/x", "a?ttl=ephemeral", "a#", "a b", "..", ".", ""]) {
    await refused(`xs.append(${JSON.stringify(word)}, "x")`, "topic");
  }
  for (const word of ["../kv/secret", "..", "", "sha256-/../../kv/secret"]) {
    await refused(`xs.cas(${JSON.stringify(word)})`, "hash");
    await refused(`xs.text(${JSON.stringify(word)})`, "hash");
    await refused(`xs.get(${JSON.stringify(word)})`, "id");
    await refused(`xs.last(${JSON.stringify(word)})`, "topic");
    await refused(`xs.first(${JSON.stringify(word)})`, "topic");
  }
  for (const word of ["..", ".", ""]) {
    await refused(`xs.kv.get(${JSON.stringify(word)})`, "key");
    await refused(`xs.kv.delete(${JSON.stringify(word)})`, "key");
    await refused(`xs.kv.put(${JSON.stringify(word)}, "x")`, "key");
  }
  // A query may give a list, or nothing.
  await refused('xs.append(["a", "b"], "x")', "the topic is a list, and has to be a text");
  await refused("xs.append(undefined)", "the topic is undefined, and has to be a text");
  await refused("xs.get(null)", "the id is null, and has to be a text");
  await refused("xs.cas(5)", "the hash is 5, and has to be a text");
  await refused("xs.kv.get({})", "the key is an object");
  await refused('xs.last(["a"])', "the topic is a list, and has to be a text");
  expect(await home.topics(home.store)).toEqual([]);
  expect(await (await server.fetch("/kv")).text()).toContain('"secret"');
});

test("the module has what comes from elsewhere: --follow of .last, .rm, .id unpack and pack, .eval, --detail", async () => {
  using home = new Home();
  await using _ = await startServer(home.store, { env: WITH_NU });
  const env = { XS_ADDR: home.store, ...WITH_NU };
  const run = (script: string) => nuJson(home, script, { env });
  const one = await run('"one" | .append note');
  const two = await run('"two" | .append note');
  const other = await run('"x" | .append other');
  expect(await run(".cat --detail --topic note")).toEqual([one, two]);
  expect(await run(".cat -d --topic [note other] | get id")).toEqual([one.id, two.id, other.id]);
  expect(await run(`.cat --new --follow --limit 0`)).toEqual([]);
  expect(await run(`.cat --after ${one.id} | get id`)).toEqual([two.id, other.id]);
  expect(
    await run(
      ".cat --pulse 20 | skip until {|f| $f.topic == stream.cross.pulse } | first | get topic",
    ),
  ).toBe("stream.cross.pulse");
  expect(await run(".last note --follow | first 2 | get topic")).toEqual([
    "note",
    "stream.cross.threshold",
  ]);
  expect(await run(".last note 2 --follow | first 3 | get id | first 2")).toEqual([one.id, two.id]);
  expect(await run(".last 2 | get id")).toEqual([two.id, other.id]);
  expect(await run('.last "note,other" | get id')).toBe(other.id);
  expect(await run(".first [other note] | get id")).toBe(one.id);
  expect(await run(".last note --with-timestamp | get timestamp")).toEndWith("Z");
  expect(await run(`.get ${one.id} --with-timestamp | get timestamp`)).toEndWith("Z");
  // Of a frame, as an argument or from the pipeline; nothing where it has no content.
  expect(await run(".last note | .cas")).toBe("two");
  expect(await run(".cas (.last note)")).toBe("two");
  expect(await run(".cas null")).toBeNull();
  const parts = await run(`.id unpack ${one.id}`);
  expect(parts.node).toMatch(/^[0-9a-f]{8}$/);
  expect(new Date(parts.when).getTime()).toBe(parts.ts_ms);
  expect(await run(`"${one.id}" | .id unpack | .id pack`)).toBe(one.id);
  expect(await run(`.id pack (.id unpack ${one.id})`)).toBe(one.id);
  expect(await run('.eval -c ".last note | get id" | str trim')).toBe(two.id);
  await Bun.write(join(home.path, "five.nu"), "2 + 3");
  expect(await run(".eval five.nu | str trim")).toBe("5");
  expect(await run("'export default () => 6' | .eval | str trim")).toBe("6");
  await run(`.rm ${other.id}`);
  expect(await run(".last other")).toBeNull();
  await run("null | .kv put none");
  expect(await run(".kv get none")).toBeNull();
  const says = async (script: string, message: string) => {
    const { code, stderr } = await nu(home, script, { env });
    expect([script, code]).toEqual([script, 1]);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("Usage");
  };
  // The reason is in the error, so that a script can tell it.
  await says(
    "try { .get x } catch {|e| error make { msg: $'so ($e.msg)' } }",
    'so "x" is not an id',
  );
  await says(".last 'no topic'", 'topic "no topic" may hold only');
  await says(".eval", "there is no script");
  await says("{ a: {|| 1} } | .append note", "the content.a is a closure");
  await says("'x' | .append note --meta { n: inf }", "meta.n is inf");
});

test("xs nu --install puts the module where nushell loads it, once, and over nothing that is not its own", async () => {
  using home = new Home();
  const file = join(home.path, ".local/share/nushell/vendor/autoload/xs.nu");
  const install = async (env: Record<string, string> = WITH_NU) => {
    const { code, stdout, stderr } = await home.xs(["nu", "--install"], { env });
    return { code, stdout, stderr };
  };
  expect(await install()).toEqual({
    code: 0,
    stdout: "",
    stderr: expect.stringContaining(`installed ${file}`),
  });
  const written = await Bun.file(file).text();
  expect(await install()).toMatchObject({
    code: 0,
    stderr: expect.stringContaining(`${file} is this module already`),
  });
  expect(await Bun.file(file).text()).toBe(written);
  // A nushell that one opens has the commands, and nothing of what they are made of.
  await home.ok(["append", home.store, "note"], { stdin: "hello" });
  const env = { ...WITH_NU, XS, XS_ADDR: home.store };
  await Bun.write(
    join(home.path, ".config/nushell/config.nu"),
    "$env.config.show_banner = false\n",
  );
  const line = ".last note | .cas | print; which rows arguments json-of | length | print; exit";
  const opened = await home.shell(`script -qec 'stty cols 80; "${NU}" -e "${line}"' /dev/null`, {
    env,
  });
  expect(Bun.stripANSI(opened.stdout).split(/\s+/)).toContain("hello0");
  const used = await home.run([NU, "-n", "-c", `use "${file}" *; .last note | .cas`], { env });
  expect([used.stdout, used.stderr]).toEqual(["hello", ""]);
  // One of an earlier xs is replaced, also behind a link; a file of somebody else is not.
  const elsewhere = join(home.path, "dotfiles.nu");
  await Bun.write(elsewhere, `${written.split("\n")[0]}\n# older\n`);
  await home.shell(`ln -sf "${elsewhere}" "${file}"`);
  expect(await install()).toMatchObject({
    code: 0,
    stderr: expect.stringContaining(`replaced an older ${file}`),
  });
  expect(await Bun.file(elsewhere).text()).toBe(written);
  await Bun.write(elsewhere, "# my own\n");
  expect(await install()).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`${file} is there, and is not what  xs nu --install  writes`),
  });
  expect(await Bun.file(elsewhere).text()).toBe("# my own\n");
  expect(await install({ XS_NU: "/no/such/nu" })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("https://www.nushell.sh"),
  });
  expect((await home.xs(["nu", "--install", "x"], { env })).code).toBe(2);
});
