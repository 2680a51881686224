import type { ComponentProps } from "preact";
import { go } from "../lib/place.ts";

/** A link to another place of the page: it opens in a new tab as any link does. */
export function Link({ href, onClick, ...rest }: ComponentProps<"a"> & { href: string }) {
  return (
    <a
      {...rest}
      href={href}
      onClick={(event) => {
        onClick?.call(event.currentTarget, event);
        if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        const target = new URL(href, location.href).searchParams;
        const gone = [...new URLSearchParams(location.search).keys()];
        go({
          ...Object.fromEntries(gone.map((name) => [name, undefined])),
          ...Object.fromEntries(target),
        });
      }}
    />
  );
}
