import page from "./page/index.html";

/** A file of the page. */
export interface Asset {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly type: string;
}

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

/**
 * Loads the files of the page, by the path at which the page asks for them. The page itself is at `/`.
 *
 * The build puts them into the binary, by a static import of the HTML in a module that is loaded lazily: a dynamic
 * import of the HTML breaks where the bundle is split.
 */
export async function loadAssets(): Promise<ReadonlyMap<string, Asset>> {
  const assets = new Map<string, Asset>();
  for (const { path } of page.files ?? []) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    const ending = name.slice(name.lastIndexOf(".") + 1);
    const type = TYPES[ending];
    if (type === undefined) throw new Error(`the page has a file of an unknown kind: ${name}`);
    const bytes = await Bun.file(path).bytes();
    assets.set(path === page.index ? "/" : `/${name}`, { bytes, type });
  }
  return assets;
}
