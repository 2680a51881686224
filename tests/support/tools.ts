import { existsSync } from "node:fs";

/**
 * Why a tool of Debian cannot be used here, or undefined when it can. It is installed where that is
 * possible.
 *
 * @param at the command, or the file, that it brings
 */
export function missingTool(packageName: string, at: string): string | undefined {
  if (process.platform !== "linux") return `${packageName} is for Linux`;
  const isThere = () => (at.startsWith("/") ? existsSync(at) : Bun.which(at) !== null);
  if (isThere()) return undefined;
  if (Bun.which("apt-get") === null) return `${packageName} is not here, nor is apt-get`;
  if (process.getuid?.() !== 0) return `${packageName} is not here, and only root can install it`;
  const install = "apt-get update -qq && apt-get install -y -qq --no-install-recommends";
  Bun.spawnSync(["sh", "-c", `${install} ${packageName}`], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    timeout: 120_000,
  });
  return isThere() ? undefined : `${packageName} cannot be installed`;
}

/** Why strace cannot be used here; undefined when it can. */
export function missingStrace(): string | undefined {
  const missing = missingTool("strace", "strace");
  if (missing) return missing;
  const { exitCode } = Bun.spawnSync(["strace", "-f", "-o", "/dev/null", "true"]);
  return exitCode === 0 ? undefined : "no process may be traced here";
}
