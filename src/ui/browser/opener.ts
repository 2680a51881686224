import { basename } from "node:path";

/** A program that opens a file or an address in the browser of the user. */
export interface Opener {
  /** As messages name it. */
  readonly name: string;
  /** The path of the program. */
  readonly program: string;
  /** The command line that opens something. */
  command(target: string): string[];
}

/** What opens the browser that the desktop has. */
const OF_DESKTOP = process.platform === "darwin" ? "open" : "xdg-open";

/** Where a browser is looked for, for a message. */
export const PLACES = `$BROWSER, ${OF_DESKTOP}`;

/** Finds what opens a browser: the first of `$BROWSER` that is there, else the one of the desktop. */
export function findOpener(): Opener | undefined {
  const { BROWSER = "", PATH = "" } = process.env;
  const named = BROWSER.split(":").filter((each) => each.trim() !== "");
  for (const text of [...named, OF_DESKTOP]) {
    const [word = "", ...more] = text.trim().split(/\s+/);
    const program = Bun.which(word, { PATH });
    if (program === null) continue;
    // As other programs read $BROWSER: the place of the address, if it is not the end.
    const isPlaced = more.some((part) => part.includes("%s"));
    const command = (target: string) => [
      program,
      ...more.map((part) => part.replaceAll("%s", () => target)),
      ...(isPlaced ? [] : [target]),
    ];
    return { name: basename(program), program, command };
  }
  return undefined;
}

/**
 * Opens something. The browser is no part of this command: it goes on when this one ends, does not get the signals of its
 * terminal, and knows no token.
 *
 * @returns how the program ended: why it failed; undefined where it did its work
 */
export async function openWith(opener: Opener, target: string): Promise<string | undefined> {
  const { XS_TOKEN: _, XS_ADDR: __, ...env } = process.env;
  try {
    const child = Bun.spawn(opener.command(target), {
      env,
      detached: true,
      stdio: ["ignore", "ignore", "ignore"],
    });
    child.unref();
    const code = await child.exited;
    return code === 0 ? undefined : `${opener.name} ended with ${code}`;
  } catch (error) {
    return `${opener.name} does not start: ${(error as Error).message}`;
  }
}
