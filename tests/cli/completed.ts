import { expect } from "bun:test";
import { until } from "../support/wait.ts";
import type { Home } from "./run-xs.ts";

/**
 * Waits until these words complete a line, and no others do: to a busy server the completion of a person's keyboard
 * listens only for a moment, so it may offer none or a part of them.
 *
 * @param line the words after xs; the last one is at the cursor
 */
export async function completes(
  home: Home,
  line: readonly string[],
  wanted: readonly string[],
  env: Record<string, string> = {},
): Promise<void> {
  let offered: string[] = [];
  await until(`what completes ${line.join(" ")}`, async () => {
    offered = await completed(home, line, env);
    return Bun.deepEquals(offered, [...wanted]);
  }).catch(() => {});
  expect([line, offered]).toEqual([line, [...wanted]]);
}

/** The words that complete a line now. */
export async function completed(
  home: Home,
  line: readonly string[],
  env: Record<string, string> = {},
): Promise<string[]> {
  const [, ...words] = (await home.ok(["__complete", "fish", ...line], { env })).split("\n");
  return words.slice(0, -1);
}
