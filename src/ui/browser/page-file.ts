import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * A file that leads a browser to a link. The key of the link is in the file alone, which only its user can read: in a
 * command line every user of the machine would see it.
 */
export class PageFile implements Disposable {
  readonly path: string;
  readonly #folder: string;

  /** @param parent the folder in which it gets a folder that only its user can enter */
  constructor(parent: string, link: string) {
    this.#folder = mkdtempSync(join(parent, "xs-ui-"));
    this.path = join(this.#folder, "open.html");
    try {
      writeFileSync(this.path, html(link), { mode: 0o600, flag: "wx" });
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** @param link has no character that HTML reads as another one */
function html(link: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0;url=${link}">
<title>xs</title>
<p><a href="${link}">The inspector of xs</a></p>
`;
}
