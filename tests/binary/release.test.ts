// What a release stands on: pinned parts, and the notices of what is inside.
import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import pkg from "../../package.json" with { type: "json" };
import runtime from "../../scripts/runtime/package.json" with { type: "json" };
import lock from "../../scripts/runtime/package-lock.json" with { type: "json" };
import { Home } from "../cli/run-xs.ts";

const root = join(import.meta.dir, "../..");

test("the Bun that builds is one version everywhere, each of its packages with a hash", () => {
  const [, version = ""] = pkg.packageManager.split("@");
  expect(runtime.dependencies.bun).toBe(version);
  expect(pkg.devDependencies["@types/bun"]).toBe(version);
  const packages = Object.entries(lock.packages).filter(([path]) => path !== "");
  expect(packages.length).toBeGreaterThan(1);
  for (const [path, entry] of packages) {
    expect([path, entry]).toEqual([
      path,
      expect.objectContaining({ version, integrity: expect.stringMatching(/^sha512-/) }),
    ]);
    expect(entry).not.toHaveProperty("resolved");
  }
});

test("workflows use actions by commit, and only the job that publishes may write", async () => {
  const folder = join(root, ".github/workflows");
  for (const name of readdirSync(folder)) {
    const text = await Bun.file(join(folder, name)).text();
    const uses = [...text.matchAll(/uses: (\S+)/g)].map(([, action = ""]) => action);
    expect(uses.length).toBeGreaterThan(0);
    for (const action of uses) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
    const jobs = Bun.YAML.parse(text) as {
      jobs: Record<string, { permissions?: Record<string, string> }>;
    };
    const writers = Object.entries(jobs.jobs).filter(([, { permissions }]) =>
      Object.values(permissions ?? {}).includes("write"),
    );
    expect(writers.map(([job]) => job)).toEqual(name === "release.yml" ? ["publish"] : []);
  }
});

test("the binary has the notices of Bun and of every package that it depends on", async () => {
  using home = new Home();
  const text = await home.ok(["version", "--licenses"]);
  expect(text).toContain("MIT License");
  for (const [name, version] of Object.entries(pkg.dependencies)) {
    expect(text).toContain(`${name} ${version} (`);
  }
  expect(text).toContain(`Bun ${pkg.packageManager.split("@")[1]} (MIT)`);
  expect((await home.xs(["version", "--licenses", ":1"])).code).toBe(2);
});
