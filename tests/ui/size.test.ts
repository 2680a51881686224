import { expect, setDefaultTimeout, test } from "bun:test";
import { Inspector } from "../support/inspector.ts";
import { startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** The most bytes of all files of the page, gzipped. */
const MAX_BYTES = 60_000;

test("the page is small, and asks nobody else for anything", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await using it = await Inspector.start(server.directory);
  const page = await (await fetch(it.origin)).text();
  const paths = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = ""]) => path);
  expect(paths.length).toBeGreaterThan(2);
  let size = Bun.gzipSync(Buffer.from(page)).length;
  for (const path of paths) {
    const response = await fetch(new URL(path, it.origin));
    expect([path, response.status, new URL(path, it.origin).origin]).toEqual([
      path,
      200,
      it.origin,
    ]);
    const bytes = Buffer.from(await response.arrayBuffer());
    size += Bun.gzipSync(bytes).length;
    // A policy has no word for the scripts that it lets in beside those of the page.
    expect(new TextDecoder().decode(bytes)).not.toMatch(/\bnew Function\(|\beval\(/);
  }
  expect(page).not.toMatch(/<script(?![^>]*\bsrc=)|\son\w+=|<style|\sstyle=/);
  expect(size).toBeLessThan(MAX_BYTES);
});
