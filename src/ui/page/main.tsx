import { render } from "preact";
import { keepFocus } from "./lib/focus.ts";
import { takeLinkKey } from "./lib/session.ts";
import { Page } from "./parts/page.tsx";

const root = document.getElementById("page");
await takeLinkKey();
// A link that is pasted where the page is open loads nothing again.
addEventListener("hashchange", () => void takeLinkKey());
if (root) {
  keepFocus(root);
  render(<Page />, root);
}
