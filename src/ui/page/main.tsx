import { render } from "preact";
import { takeLinkKey } from "./lib/session.ts";
import { Page } from "./parts/page.tsx";

const root = document.getElementById("page");
await takeLinkKey();
if (root) render(<Page />, root);
