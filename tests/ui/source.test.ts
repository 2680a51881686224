import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleScript } from "../../src/cli/bundle/bundle-script.ts";
import { sourceOf } from "../../src/ui/page/views/processors/source.ts";
import { tempDirectory } from "../support/temp.ts";

test("the source of a bundle is what was written", async () => {
  using home = tempDirectory();
  const write = (name: string, text: string) => {
    mkdirSync(join(home.path, name, ".."), { recursive: true });
    writeFileSync(join(home.path, name), text);
    return text;
  };
  const helper = write("lib/words.ts", "// ünïcode\nexport const word: string = 'hi';\n");
  write("node_modules/left/package.json", '{"name":"left","main":"index.js"}');
  write("node_modules/left/index.js", "export const left = (text) => text;\n");
  const main = write(
    "main.ts",
    'import { left } from "left";\nimport { word } from "./lib/words.ts";\nexport default () => ({ out: left(word) });\n',
  );
  const { content } = await bundleScript(join(home.path, "main.ts"));
  const source = sourceOf(new TextDecoder().decode(content));
  expect(source.files).toEqual([
    { name: "main.ts", text: main },
    { name: "lib/words.ts", text: helper },
  ]);
  expect(source.packages).toEqual(["left"]);
  expect(source.module).not.toContain("sourceMappingURL");
});

test("a script without a map, or with a broken one, is its own source", () => {
  const map = (text: string) =>
    `a\n//# sourceMappingURL=data:application/json;base64,${btoa(text)}\n`;
  const scripts = ["", "export default () => {}", map("{"), map("null"), map('{"sources":[1]}')];
  for (const script of [...scripts, map('{"sources":["a"],"sourcesContent":[null]}')]) {
    expect(sourceOf(script)).toEqual({
      files: [{ name: "", text: script }],
      packages: undefined,
      module: script,
    });
  }
});
