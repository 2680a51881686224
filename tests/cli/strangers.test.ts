// Stores of other users: found, named, and made to look like one's own.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { NU, startServer, XS } from "../support/server.ts";
import { filesBelow, tempDirectory } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

const STRANGER = 12_345;
const OTHER = 23_456;

const missing =
  process.getuid?.() !== 0
    ? "only root can be several users"
    : Bun.which("setpriv") === null
      ? "there is no setpriv"
      : undefined;

/** A command line that another user runs. */
function as(uid: number, command: readonly string[]): string[] {
  return ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", ...command];
}

/** A folder that everybody may write, as `/tmp`, and in it the store of a stranger. */
class Commons implements Disposable {
  readonly #folder = tempDirectory();
  readonly path = this.#folder.path;
  readonly store = join(this.path, "store");

  constructor() {
    chmodSync(this.path, 0o777);
  }

  /** Makes the stranger's store. */
  async make(home: Home): Promise<void> {
    const { code, stderr } = await home.run(
      as(STRANGER, [XS, "append", this.store, "theirs", "--meta", "1"]),
      { cwd: this.path, env: { HOME: this.path } },
    );
    if (code !== 0) throw new Error(stderr);
  }

  /** Everything in the store, to see that nothing came or went. */
  get files(): string[] {
    return filesBelow(this.store).sort();
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

describe.skipIf(missing !== undefined)(`users${missing ? ` (${missing})` : ""}:`, () => {
  test.each([
    ["root", 0],
    ["a user", OTHER],
  ])("%s does not use a ./store of somebody else's that was only found", async (_, uid) => {
    using home = new Home();
    using commons = new Commons();
    await commons.make(home);
    // As who wants to be found would have it.
    chmodSync(commons.store, 0o755);
    const { files } = commons;
    for (const args of [["append", "diary"], ["cat"], ["serve"], ["cat", "--follow"], ["last"]]) {
      const { code, stdout, stderr } = await home.run(as(uid, [XS, ...args]), {
        cwd: commons.path,
        stdin: "secret",
      });
      expect([args, code, stdout]).toEqual([args, 1, ""]);
      expect(stderr).toContain(`belongs to another user (${STRANGER})`);
    }
    expect(commons.files).toEqual(files);
  });

  test("nor the socket of a server there; but where it is named, root and its owner may", async () => {
    using home = new Home();
    using commons = new Commons();
    await commons.make(home);
    await using server = await startServer(commons.store, { under: as(STRANGER, []) });
    chmodSync(commons.store, 0o755);
    chmodSync(server.unix, 0o666);
    const append = (uid: number, args: string[]) =>
      home.run(as(uid, [XS, "append", ...args]), { cwd: commons.path, stdin: "secret" });
    for (const uid of [0, OTHER]) {
      for (const args of [
        ["append", "diary"],
        ["eval", "-c", "'secret' | .append diary"],
        ["eval", "-c", "export default (xs) => xs.append('diary', 'secret')"],
      ]) {
        // The folder for temporary files of whoever runs the tests may be closed to that user.
        const env = { XS_NU: NU, TMPDIR: "/tmp" };
        const how = { cwd: commons.path, stdin: "secret", env };
        const { code, stderr } = await home.run(as(uid, [XS, ...args]), how);
        expect([args, code]).toEqual([args, 1]);
        expect(stderr).toContain("was found here and belongs");
      }
    }
    expect((await append(0, ["./store", "named"])).code).toBe(0);
    expect((await append(0, [server.unix, "named"])).code).toBe(0);
    expect((await append(STRANGER, ["found"])).code).toBe(0);
    expect((await append(OTHER, ["./store", "named"])).code).toBe(0);
    chmodSync(server.unix, 0o600);
    const { code, stderr } = await append(OTHER, ["./store", "named"]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("another user")]);
    const topics = (await server.frames()).map(({ topic }) => topic);
    expect(topics.filter((topic) => !topic.startsWith("stream."))).toEqual([
      "theirs",
      "named",
      "named",
      "found",
      "named",
    ]);
    expect(await server.stop("SIGTERM")).toBe(0);
  });

  test("a link in somebody else's hand is not followed, nor one's own store through it", async () => {
    using home = new Home();
    using commons = new Commons();
    await home.ok(["append", home.store, "mine"]);
    symlinkSync(home.store, commons.store);
    lchownSync(commons.store, STRANGER, STRANGER);
    const found = await home.run([XS, "cat"], { cwd: commons.path });
    expect([found.code, found.stderr]).toEqual([1, expect.stringContaining("another user")]);
    // Who names it means it.
    const named = await home.run([XS, "cat", "./store"], { cwd: commons.path });
    expect([named.code, named.stdout]).toEqual([0, expect.stringContaining('"mine"')]);
  });

  test("root writes no store of another user, named or not, and follows no link in it", async () => {
    using home = new Home();
    using commons = new Commons();
    using victim = tempDirectory();
    mkdirSync(join(victim.path, "tmp"));
    writeFileSync(join(victim.path, "tmp/precious"), "precious");
    await commons.make(home);
    symlinkSync(victim.path, join(commons.store, "cacache"));
    lchownSync(join(commons.store, "cacache"), STRANGER, STRANGER);
    const { files } = commons;
    const modes = readdirSync(commons.store);
    for (const args of [
      ["serve", commons.store],
      ["append", commons.store, "note"],
      ["gc", commons.store],
      ["kv", "put", commons.store, "key"],
    ]) {
      const { code, stderr } = await home.xs(args, { stdin: "x".repeat(200_000) });
      expect([args, code]).toEqual([args, 1]);
      expect(stderr).toContain(`belongs to another user (${STRANGER})`);
    }
    expect([commons.files, readdirSync(commons.store)]).toEqual([files, modes]);
    expect(filesBelow(victim.path)).toEqual(["tmp/precious"]);
  });

  test.each([
    "cacache",
    "cacache/tmp",
    "cacache/content-v2",
    "events.db-wal",
    "lock.db",
    "token",
    "scripts",
  ])("what somebody else has put into one's own store is not used: %s", async (name) => {
    using home = new Home();
    using victim = tempDirectory();
    mkdirSync(home.store, { mode: 0o777 });
    if (name.startsWith("cacache/")) mkdirSync(join(home.store, "cacache"), { mode: 0o777 });
    symlinkSync(join(victim.path, "target"), join(home.store, name));
    lchownSync(join(home.store, name), STRANGER, STRANGER);
    for (const verb of [["serve"], ["append", "note"]]) {
      const args = [verb[0] ?? "", home.store, ...verb.slice(1)];
      const { code, stderr } = await home.xs(args, { stdin: "x".repeat(200_000) });
      expect([code, stderr]).toEqual([1, expect.stringContaining("another user")]);
    }
    expect(existsSync(join(victim.path, "target"))).toBe(false);
  });

  test("a folder of another user is not made into a store", async () => {
    using home = new Home();
    using folder = tempDirectory();
    chownSync(folder.path, STRANGER, STRANGER);
    const { code, stderr } = await home.xs(["serve", folder.path]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("another user")]);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test("a store that is closed to others is said to be another user's, not to be missing or damaged", async () => {
    using home = new Home();
    using commons = new Commons();
    await commons.make(home);
    const cat = () => home.run(as(OTHER, [XS, "cat", "./store"]), { cwd: commons.path });
    for (const mode of [0o700, 0o755]) {
      chmodSync(commons.store, mode);
      const { code, stderr } = await cat();
      expect([mode, code]).toEqual([mode, 1]);
      expect(stderr).toContain(`belongs to another user (${STRANGER})`);
    }
    expect(commons.files).toEqual(["events.db", "events.db-mark", "lock.db"]);
  });
});
