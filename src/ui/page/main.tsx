import { render } from "preact";
import { keepFocus } from "./lib/focus.ts";
import { takeLinkKey } from "./lib/session.ts";
import { Page } from "./parts/page.tsx";

const root = document.getElementById("page");
await takeLinkKey();
if (root) {
  keepFocus(root);
  render(<Page />, root);
}
