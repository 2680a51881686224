import { expect, test } from "bun:test";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { bundleScript } from "../../src/cli/bundle/bundle-script.ts";
import {
  type AnyFrame,
  answered,
  ask,
  countOf,
  framesOf,
  sayMany,
  serving,
  spawn,
  textOf,
} from "../support/processors.ts";
import { Home } from "./run-xs.ts";

/** Writes files below the home, by their paths. */
async function write(home: Home, files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) await Bun.write(join(home.path, path), text);
}

const PACKAGES = {
  "node_modules/old-way/package.json": '{"name":"old-way","main":"lib/index.js"}',
  "node_modules/old-way/lib/index.js": `// A package of the old kind.
const { join } = require("path");
exports.pad = function pad(text, n) {
  if (n > 100) throw new Error("too wide");
  return join("pad", String(text));
};
`,
  "node_modules/@new/way/package.json":
    '{"name":"@new/way","type":"module","exports":{".":{"import":"./main.js"},"./more":"./more.js"}}',
  "node_modules/@new/way/main.js":
    "export { default as more } from './more.js';\nexport const unused = 1;\n",
  "node_modules/@new/way/more.js": "export default (n) => 'more ' + n;\n",
};

const SOURCES = {
  "project/handlers/main.ts": `/// <reference path="./xs.d.ts" />
import { help, type Help } from "../lib/help.ts";
import { more } from "@new/way";
import type { Gone } from "./types-alone.d.ts";
import { basename } from "node:path";

const top = await Promise.resolve(3);

export default {
  topics: ["n"], on_error: "skip",
  run(frame: { meta: Help }, _: Gone) {
    return { out: { said: help(frame.meta) + top, more: more(basename("/a/b")) } };
  },
};
`,
  "project/lib/help.ts": `import { pad } from "old-way";
import data from "./data.json";
import words from "./words.txt" with { type: "text" };

export interface Help {
  n: number;
}

export function help({ n }: Help): string {
  if (n === 1) throw new Error("one is wrong");
  return pad(n === 2 ? "wide" : n, n === 2 ? 101 : 1) + data.x + words;
}
`,
  "project/lib/data.json": '{"x":"-json-"}',
  "project/lib/words.txt": "words",
};

async function project(home: Home): Promise<string> {
  await write(home, SOURCES);
  const packages = Object.entries(PACKAGES).map(([path, text]) => [`project/${path}`, text]);
  await write(home, Object.fromEntries(packages));
  return join(home.path, "project/handlers/main.ts");
}

test("a handler comes with its own files and packages, and its errors name places in the sources", async () => {
  using home = new Home();
  const { content, notes } = await bundleScript(await project(home));
  expect(notes).toEqual([]);
  await serving(async (server) => {
    const script = new TextDecoder().decode(content);
    await spawn(server, "handler", "bundled", script);
    await sayMany(server, "n", 4);
    const out = await countOf(server, "bundled.out", 2);
    expect(out.map(({ meta }) => meta)).toMatchObject([
      { said: "pad/0-json-words3", more: "more b" },
      { said: "pad/3-json-words3" },
    ]);
    const errors = await countOf(server, "bundled.error", 2);
    expect(errors[0]?.meta.reason).toMatch(/^one is wrong \(lib\/help\.ts:10:\d+\)$/);
    expect(errors[1]?.meta.reason).toMatch(
      /^too wide \(node_modules\/old-way\/lib\/index\.js:4:\d+, called at lib\/help\.ts:11:\d+\)$/,
    );
    const strict = script.replace('on_error: "skip"', 'on_error: "fail"');
    const failing = await spawn(server, "handler", "strict", strict, { start: "first" });
    const { meta } = await answered(server, failing, "failed");
    expect(meta.reason).toMatch(/^one is wrong \(lib\/help\.ts:10:\d+\)$/);
  });
});

test("xs handler try bundles as well, from any folder and through a link", async () => {
  using home = new Home();
  const file = await project(home);
  for (let n = 0; n < 3; n++) {
    await home.ok(["append", home.store, "n", "--empty", "--meta", JSON.stringify({ n })]);
  }
  mkdirSync(join(home.path, "other"));
  symlinkSync(file, join(home.path, "other/linked.ts"));
  for (const [cwd, path] of [
    [home.path, file],
    [join(home.path, "project/handlers"), "main.ts"],
    [join(home.path, "other"), "linked.ts"],
  ] as const) {
    const lines = (await home.ok(["handler", "try", home.store, path], { cwd })).trim().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { meta: { said: "pad/0-json-words3" } },
      { error: expect.stringMatching(/\(lib\/help\.ts:10:\d+\)/) },
      { error: expect.stringMatching(/index\.js:4:\d+, called at lib\/help\.ts:11:\d+\)/) },
    ]);
  }
});

test("the sources are in the bundle, as they were", async () => {
  using home = new Home();
  const { content } = await bundleScript(await project(home));
  const file = join(home.path, "bundle");
  await Bun.write(file, content);
  const { stdout } = await home.shell(
    `sed -n 's|^//# sourceMappingURL=data:[^,]*,||p' "${file}" | base64 -d`,
  );
  const { sources, sourcesContent } = JSON.parse(stdout);
  const kept = sources.indexOf("handlers/main.ts");
  expect(sourcesContent[kept]).toBe(SOURCES["project/handlers/main.ts"]);
  expect(sourcesContent[sources.indexOf("lib/help.ts")]).toBe(SOURCES["project/lib/help.ts"]);
  expect(sources).toContain("node_modules/old-way/lib/index.js");
  expect(stdout).not.toContain(home.path);
});

test("a file that imports no files stays as it is, byte for byte, and so does what is no TypeScript", async () => {
  using home = new Home();
  const scripts = {
    "alone.ts": `// A comment.\nimport { join } from "node:path";\nimport { Database } from "bun:sqlite";\nimport type { A } from "./nowhere.ts";\nexport default () => [join("a"), Database] as unknown as A;\n`,
    "shell.sh": "#!/bin/sh\necho import x from y\n",
    "python.py": "#!/usr/bin/env python3\nimport json\n",
    "closure.nu": "{|frame| use std; { out: 1 } }\n",
  };
  await write(home, scripts);
  for (const [name, text] of Object.entries(scripts)) {
    const { content, notes } = await bundleScript(join(home.path, name));
    expect([name, new TextDecoder().decode(content), notes]).toEqual([name, text, []]);
  }
});

test("a script without an extension, and one in JSX, are bundled too", async () => {
  using home = new Home();
  await write(home, {
    script: 'import { n } from "./n.ts";\nexport default (): number => n satisfies number;\n',
    "n.ts": "export const n: number = 7;\n",
    "page.tsx":
      "/** @jsxRuntime classic */\n/** @jsx h */\nconst h = (tag: string) => tag;\nexport default () => ({ out: { tag: <b /> } });\n",
  });
  const bundle = async (name: string) =>
    new TextDecoder().decode((await bundleScript(join(home.path, name))).content);
  expect(await bundle("script")).toContain("var n = 7");
  expect(await bundle("page.tsx")).toContain('h("b"');
});

const REFUSED: Record<string, [source: string, ...named: (string | RegExp)[]]> = {
  missing: [
    'import a from "left-gone";\nimport b from "./nope.ts";\nexport default () => [a, b];',
    'missing.ts:1:15: there is no package "left-gone"',
    "npm install left-gone",
    'missing.ts:2:15: there is no file "./nope.ts"',
  ],
  scoped: ['import "@a/b/c";\nexport default 1;', 'there is no package "@a/b"'],
  below: ['import "./lib/broken.ts";\nexport default 1;', "lib/broken.ts:2:"],
  deeper: [
    'import "./lib/missing.ts";\nexport default 1;',
    'lib/missing.ts:3:8: there is no package "deep"',
  ],
  syntax: ["\nexport default ( => {", "syntax.ts:2:18: Unexpected =>"],
  noname: ['import { nope } from "./lib/n.ts";\nexport default nope;', "noname.ts:1:", "nope"],
  addon: [
    '\nimport a from "./x.node";\nexport default a;',
    'addon.ts:2: "x.node" is a native addon',
  ],
  required: ['export default require("./x.node");', 'required.ts:1: "x.node" is a native addon'],
  wasm: ['import a from "./x.wasm";\nexport default a;', 'wasm.ts:1: "x.wasm" is WebAssembly'],
  css: ['import "./x.css";\nexport default 1;', 'css.ts:1: "x.css" is a style sheet'],
  html: ['import a from "./x.html";\nexport default a;', 'html.ts:1: "x.html" is a page'],
  image: ['import a from "./x.png";\nexport default a;', 'image.ts:1: "x.png"'],
  database: [
    'import a from "./x.db" with { type: "sqlite" };\nexport default a;',
    'database.ts:1: "./x.db"',
  ],
  nothing: [
    'import a from "./empty.node";\nexport default a;',
    'nothing.ts:1: "empty.node" is a native',
  ],
  plainly: [
    'import "./lib/nothing.ts";\nexport default 1;',
    'lib/nothing.ts:1: "lib/empty.node" is a native addon',
  ],
  macro: [
    '\nimport { x } from "./lib/macro.ts" with { type: "macro" };\nexport default x();',
    'macro.ts:2: "./lib/macro.ts" is imported as a macro, which would run now',
  ],
  prefix: [
    "import { x } from 'macro:./lib/macro.ts';\nexport default x();",
    'prefix.ts:1: "macro:./lib/macro.ts" is imported as a macro',
  ],
  hidden: [
    'const a = "/*"; import { x } from "./lib/macro.ts" /* b */ with /*}*/ { /*}*/ "ty\\x70e": "m\\u0061cro" }; "*/"\nexport default x();',
    'hidden.ts:1: "./lib/macro.ts" is imported as a macro',
  ],
  within: ['import "./lib/uses.ts";\nexport default 1;', 'lib/uses.ts:2: "./macro.ts" is imported'],
  address: ['import a from "https://example.com/x.js";\nexport default a;', "is an address"],
};

test("what cannot be bundled is refused by name, with its file and line", async () => {
  using home = new Home();
  await home.makeStore();
  await write(home, {
    ...Object.fromEntries(Object.entries(REFUSED).map(([name, [text]]) => [`${name}.ts`, text])),
    "lib/broken.ts": "export const a = 1;\nexport const b = ;\n",
    "lib/missing.ts": '\n\nimport "deep";\n',
    "lib/n.ts": "export const n = 1;\n",
    "lib/macro.ts":
      'import { writeFileSync } from "node:fs";\nwriteFileSync("ran", "");\nexport const x = () => 1;\n',
    "lib/uses.ts": '\nimport { x } from "./macro.ts" with { type: "macro" };\nx();\n',
    "lib/nothing.ts": 'import a from "./empty.node";\nexport default a;\n',
    "lib/empty.node": "",
    "empty.node": "",
    "x.css": "a { color: red }",
    "x.html": "<p>hi</p>",
  });
  for (const name of ["x.node", "x.wasm", "x.png", "x.db"]) await write(home, { [name]: "x" });
  for (const [name, [, ...named]] of Object.entries(REFUSED)) {
    const { code, stderr } = await home.xs(["handler", "try", home.store, `${name}.ts`]);
    expect([name, code]).toEqual([name, 1]);
    expect(stderr).toContain(`${name}.ts cannot be bundled:`);
    for (const each of named)
      expect(stderr).toMatch(
        each instanceof RegExp ? each : new RegExp(each.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")),
      );
  }
  expect(existsSync(join(home.path, "ran"))).toBe(false);
});

test("what only looks like a macro is bundled", async () => {
  using home = new Home();
  await home.makeStore();
  await write(home, {
    "looks.ts": [
      '// import { x } from "./x.ts" with { type: "macro" };',
      'import words from "./words.txt" with { type: "text" };',
      'const text = \'import { y } from "./y.ts" with { type: "macro" }\';',
      'const other = "macro:z";',
      'export default { topics: ["n"], run: () => ({ out: { text, other, words, macro: /\\d/ } }) };',
    ].join("\n"),
    "words.txt": "macro",
  });
  const { code, stderr } = await home.xs(["handler", "try", home.store, "looks.ts"]);
  expect([code, stderr]).toEqual([0, expect.not.stringContaining("macro")]);
});

test("what works only where the file is gets a note with its file and line", async () => {
  using home = new Home();
  await home.makeStore();
  await write(home, {
    "noted.ts": [
      'import "./lib/dir.ts";',
      "// import(comment) is none",
      'const fine = await import("./lib/n.ts");',
      "const made = (name) => import(name);",
      'const maybe = await import("perhaps").catch(() => null);',
      'export default { topics: ["none"], run: () => [fine, made, maybe] };',
    ].join("\n"),
    "lib/dir.ts": "\nexport const here = import.meta.dir;\n",
    "lib/n.ts": "export const n = 1;\n",
  });
  const { code, stderr } = await home.xs(["handler", "try", home.store, "noted.ts"]);
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  expect(stderr).toContain("noted.ts:4: it imports by a name that is made when it runs");
  expect(stderr).toContain("lib/dir.ts:2: it names its own place");
  expect(stderr).toContain('noted.ts:5: "perhaps" is not there');
  expect(stderr).not.toContain("noted.ts:2");
  expect(stderr).not.toContain("noted.ts:3");
});

test("a bundle of some MiB runs, and one that is too large names what is large in it", async () => {
  using home = new Home();
  const bulk = (bytes: number) => `export default ${JSON.stringify("x".repeat(bytes))};\n`;
  await write(home, {
    "node_modules/bulk/package.json": '{"name":"bulk","type":"module","main":"index.js"}',
    "node_modules/bulk/index.js": bulk(3_000_000),
    "node_modules/vast/package.json": '{"name":"vast","type":"module","main":"index.js"}',
    "node_modules/vast/index.js": bulk(9_000_000),
    "large.ts":
      'import text from "bulk";\nexport default { topics: ["n"], run: () => ({ out: { length: text.length } }) };\n',
    "vast.ts": 'import text from "vast";\nexport default () => text;\n',
  });
  const { content } = await bundleScript(join(home.path, "large.ts"));
  await serving(async (server) => {
    await spawn(server, "handler", "large", new TextDecoder().decode(content));
    await sayMany(server, "n", 1);
    expect((await countOf(server, "large.out", 1))[0]?.meta.length).toBe(3_000_000);
  });
  await home.makeStore();
  const { code, stderr } = await home.xs(["handler", "try", home.store, "vast.ts"]);
  expect([code, stderr]).toEqual([1, expect.stringContaining("vast has 9,000,")]);
});

test("a script that was appended without what it imports says how it comes with that", async () => {
  await serving(async (server) => {
    for (const [kind, name] of [
      ["handler", "a"],
      ["generator", "b"],
    ] as const) {
      const script =
        'import { x } from "./lib/x.ts";\nexport default async function* () { yield x; }';
      const spawned = await ask(server, kind, name, script);
      const { meta } = await answered(server, spawned, "invalid");
      expect(meta.reason).toContain('there is no "./lib/x.ts" here');
      expect(meta.reason).toContain(`xs ${kind} add NAME FILE`);
    }
  });
});

test("xs handler add and xs generator add bundle, and say what they cannot", async () => {
  using home = new Home();
  await project(home);
  await write(home, {
    "project/feed.ts": `import { pad } from "old-way";\nexport default async function* () { yield pad("x", 1); }\n`,
    "project/wrong.ts": 'import "left-gone";\nexport default () => 1;\n',
    "project/noted.ts":
      'import "./lib/help.ts";\nexport default { topics: ["none"], run: async ({ meta: { name } }) => ({ out: await import(name) }) };\n',
  });
  await serving(async (server) => {
    const add = (kind: string, ...args: string[]) =>
      home.xs([kind, "add", "-s", server.directory, ...args], { cwd: join(home.path, "project") });
    expect((await add("handler", "added", "handlers/main.ts")).code).toBe(0);
    expect((await add("generator", "feed", "feed.ts", "--restart", "never")).code).toBe(0);
    const wrong = await add("handler", "wrong", "wrong.ts");
    expect([wrong.code, wrong.stderr]).toEqual([
      1,
      expect.stringContaining('wrong.ts:1:8: there is no package "left-gone"'),
    ]);
    const noted = await add("handler", "noted", "noted.ts");
    expect([noted.code, noted.stderr]).toEqual([
      0,
      expect.stringContaining("noted.ts:2: it imports by a name"),
    ]);
    await sayMany(server, "n", 2);
    expect((await countOf(server, "added.out", 1))[0]?.meta.said).toBe("pad/0-json-words3");
    const [error] = await countOf(server, "added.error", 1);
    expect(error?.meta.reason).toMatch(/\(lib\/help\.ts:10:\d+\)$/);
    expect(await textOf(server, (await countOf(server, "feed.recv", 1))[0] as AnyFrame)).toBe(
      "pad/x",
    );
    const spawns = await framesOf(server, "stream.cross.handler.spawn");
    expect(spawns.map(({ meta }) => meta.topic)).toEqual(["added", "noted"]);
  });
});
