// Keeps a script that runs again on history from having effects outside the store. It names what the script asks for;
// it does not stop a script that means harm, which runs as the user in any case.
import { writeSync } from "node:fs";
import { explain } from "./explain.ts";

/** The exit code of a process in which a script asked for what is refused. */
export const SEALED_EXIT = 77;
/** The modules that stand for those of Bun and Node.js have this before their names. */
export const SEALED_PREFIX = "xs-sealed:";

/** The frame that the script handles. */
let current: string | undefined;

/**
 * Ends the process, with the reason as its last line on stderr: a script could catch an error, and its state would be
 * wrong.
 *
 * @param what a clause, like "it calls fetch"
 * @param at has the place in its stack
 */
export function refuse(what: string, at = new Error()): never {
  at.message = what;
  const where = current === undefined ? "while it loads" : `on the frame ${current}`;
  writeSync(2, `\n${explain(at)} ${where}\n`);
  process.exit(SEALED_EXIT);
}

/** A script that notes which frame it handles. */
export function watched(script: unknown): unknown {
  const noting = (run: (...given: unknown[]) => unknown) =>
    function (this: unknown, ...given: unknown[]) {
      current = (given[0] as XsFrame).id;
      return run.apply(this, given);
    };
  if (typeof script === "function") return noting(script as () => unknown);
  if (typeof script !== "object" || script === null) return script;
  const { run } = script as { run?: unknown };
  return typeof run === "function" ? { ...script, run: noting(run as () => unknown) } : script;
}

/** Stands for a function, a class or an object, and refuses its use. */
function denied(name: string): never {
  const use = () => refuse(`it uses ${name}`);
  return new Proxy(class {}, {
    apply: () => refuse(`it calls ${name}`),
    construct: () => refuse(`it makes a ${name}`),
    // A script may look whether it is there, extend it, or await it.
    get(target, key) {
      if (key in target) return Reflect.get(target, key);
      return typeof key === "symbol" || key === "then" ? undefined : use();
    },
  }) as never;
}

type Members = Record<string, unknown>;

function deny(owner: Members, names: readonly string[], prefix: string): void {
  for (const name of names) {
    if (!(name in owner)) continue;
    const value = denied(`${prefix}${name}`);
    try {
      // What else it is stays: those of Bun can be written and not configured.
      Object.defineProperty(owner, name, { value });
    } catch {
      // It cannot be changed, as Bun.fetch: `sealedSource` writes fetch in its place.
    }
  }
}

const GLOBALS = ["fetch", "WebSocket", "EventSource", "Worker"];
const OF_BUN = [
  ...["$", "spawn", "spawnSync", "Terminal", "WebView", "openInEditor", "cron", "FFI"],
  ...["connect", "listen", "serve", "udpSocket", "dns", "fetch"],
  ...["write", "s3", "S3Client", "sql", "postgres", "SQL", "redis", "RedisClient", "secrets"],
];
const OF_FILE = ["write", "writer", "delete", "unlink"];

/** Functions of node:fs that write, without those in `Sync`. */
const OF_FS = [
  ...["appendFile", "chmod", "chown", "copyFile", "cp", "createWriteStream", "fchmod", "fchown"],
  ...["ftruncate", "futimes", "lchmod", "lchown", "link", "lutimes", "mkdir", "mkdtemp", "rename"],
  ...["rm", "rmdir", "symlink", "truncate", "unlink", "utimes", "write", "writeFile", "writev"],
  "mkdtempDisposable",
];

/** What modules of Node.js have that reaches outside; of the others in this list everything does. */
const OF_MODULES: Readonly<Record<string, readonly string[] | undefined>> = {
  child_process: undefined,
  cluster: undefined,
  dgram: ["createSocket"],
  dns: undefined,
  "dns/promises": undefined,
  fs: [...OF_FS, ...OF_FS.map((name) => `${name}Sync`)],
  "fs/promises": OF_FS,
  http: ["request", "get", "createServer", "ClientRequest"],
  http2: ["connect", "createServer", "createSecureServer"],
  https: ["request", "get", "createServer"],
  net: ["connect", "createConnection", "createServer"],
  tls: ["connect", "createServer"],
  worker_threads: ["Worker"],
};

/** Methods of classes, which packages extend. */
const OF_CLASSES: readonly (readonly [module: string, name: string, methods: readonly string[]])[] =
  [
    ["dgram", "Socket", ["bind", "connect", "send"]],
    ["net", "Socket", ["connect"]],
    ["net", "Server", ["listen"]],
    ["http", "Server", ["listen"]],
    ["https", "Server", ["listen"]],
  ];

/** From now on this process refuses effects outside the store, to whatever it loads. */
export function seal(): void {
  // All of them first: one extends classes of another.
  const modules = new Map(
    Object.keys(OF_MODULES).map((name) => {
      return [name, process.getBuiltinModule(`node:${name}`) as unknown as Members] as const;
    }),
  );
  for (const [module, name, methods] of OF_CLASSES) {
    const made = modules.get(module)?.[name] as { prototype: Members } | undefined;
    if (made) deny(made.prototype, methods, `node:${module} ${name}.`);
  }
  for (const [name, builtin] of modules) {
    const names = OF_MODULES[name];
    deny(builtin, names ?? functionsOf(builtin), `node:${name} `);
    if (name === "fs" || name === "fs/promises") denyOpening(builtin);
  }
  deny(process as unknown as Members, ["kill", "dlopen", "abort"], "process.");
  deny(globalThis as unknown as Members, GLOBALS, "");
  sealFiles();
  const bun = Bun as unknown as Members;
  deny(bun, OF_BUN, "Bun.");
  Bun.plugin({
    name: "sealed",
    setup(build) {
      const put = (name: string, exports: () => Members) =>
        build.module(`${SEALED_PREFIX}${name}`, () => ({ exports: exports(), loader: "object" }));
      for (const [name, builtin] of modules) put(name, () => ({ ...builtin, default: builtin }));
      put("bun", () => ({ ...bun, fetch: globalThis.fetch, default: bun }));
      // Bun has them inside, and gives no program anything else for these names.
      for (const name of ["ws", "undici"]) put(name, () => sealedPackage(name));
      put("bun:sqlite", sealedSqlite);
      put("bun:ffi", () => {
        const names = ["dlopen", "linkSymbols", "cc", "CFunction", "JSCallback"];
        return Object.fromEntries(names.map((name) => [name, denied(`bun:ffi ${name}`)]));
      });
    },
  });
}

function sealedPackage(name: string): Members {
  const members = process.getBuiltinModule(name) as unknown as Members | undefined;
  const names = [...Object.keys(members ?? {}), "WebSocket", "WebSocketServer", "default"];
  return Object.fromEntries(names.map((each) => [each, denied(`${name} ${each}`)]));
}

function functionsOf(members: Members): string[] {
  return Object.keys(members).filter((name) => typeof members[name] === "function");
}

/** A file may be opened to read. */
function denyOpening(fs: Members): void {
  for (const name of ["open", "openSync"]) {
    const open = fs[name] as ((...given: unknown[]) => unknown) | undefined;
    if (!open) continue;
    fs[name] = (...given: unknown[]) => {
      const flags = typeof given[1] === "function" ? "r" : (given[1] ?? "r");
      if (flags !== "r" && flags !== 0) refuse(`it opens a file with node:fs ${name} to write`);
      return open(...given);
    };
  }
}

/** A file of Bun may be read. */
function sealFiles(): void {
  const { file } = Bun;
  const sealed = (...given: Parameters<typeof file>) => {
    const made = file(...given);
    // By its number: one of the streams of this process.
    if (typeof given[0] !== "number") deny(made as unknown as Members, OF_FILE, "Bun.file().");
    return made;
  };
  Object.defineProperty(Bun, "file", { value: sealed });
}

/** A database may be in memory, or be read. */
function sealedSqlite(): Members {
  const sqlite = process.getBuiltinModule("bun:sqlite") as unknown as Members & {
    Database: new (...given: unknown[]) => object;
  };
  class Database extends sqlite.Database {
    constructor(...given: unknown[]) {
      const [name = ":memory:", options] = given;
      const reads = (Object(options) as { readonly?: unknown }).readonly === true || options === 1;
      if (!reads && name !== ":memory:" && name !== "") refuse("it opens a database to write");
      super(...given);
    }
  }
  return { ...sqlite, Database, default: Database };
}
