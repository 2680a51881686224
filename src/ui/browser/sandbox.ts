import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import type { Opener } from "./opener.ts";

/** How long the desktop may take to name its browser, in ms. */
const ASK_MS = 3000;

/** A browser that sees only some folders of its user. */
export interface Sandbox {
  readonly kind: "snap" | "flatpak";
  /** A folder of the user that it sees; undefined where there is none so far. */
  readonly folder: string | undefined;
}

/** Finds out whether the browser that an opener opens is in a sandbox; undefined where it is not, as far as it is seen. */
export async function sandboxOf(opener: Opener): Promise<Sandbox | undefined> {
  const { program } = opener;
  const [, snap] = /^\/snap\/bin\/([^./]+)/.exec(program) ?? [];
  if (snap !== undefined) return snapOf(snap);
  if (/\/flatpak\/exports\/bin\/[^/]+$/.test(program)) return flatpakOf(basename(program));
  return opener.name === "xdg-open" ? ofDesktopFile(await defaultBrowser()) : undefined;
}

function ofDesktopFile(name: string): Sandbox | undefined {
  // Snaps are named SNAP_APP.desktop.
  const [, snap] = /^([a-z0-9-]+)_[^/]+\.desktop$/.exec(name) ?? [];
  const home = homedir();
  const isSnap = snap && (existsSync(`/snap/bin/${snap}`) || existsSync(join(home, "snap", snap)));
  if (isSnap) return snapOf(snap);
  const [, app] = /^([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){2,})\.desktop$/.exec(name) ?? [];
  const shares = ["/var/lib/flatpak", join(home, ".local/share/flatpak")];
  const isFlatpak = shares.some((share) =>
    existsSync(join(share, "exports/share/applications", name)),
  );
  return app !== undefined && isFlatpak ? flatpakOf(app) : undefined;
}

function snapOf(name: string): Sandbox {
  return { kind: "snap", folder: found(join(homedir(), "snap", name, "common")) };
}

function flatpakOf(app: string): Sandbox {
  return { kind: "flatpak", folder: found(join(homedir(), ".var/app", app, "cache")) };
}

function found(path: string): string | undefined {
  return existsSync(path) ? path : undefined;
}

/** The desktop file of the browser that the desktop opens; empty where the desktop does not say. */
async function defaultBrowser(): Promise<string> {
  try {
    const child = Bun.spawn(["xdg-settings", "get", "default-web-browser"], {
      stdio: ["ignore", "pipe", "ignore"],
      timeout: ASK_MS,
    });
    return (await new Response(child.stdout).text()).trim();
  } catch {
    return "";
  }
}
