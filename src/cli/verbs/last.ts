import { endVerb } from "../kit/first-last.ts";

export const lastVerb = endVerb(
  "last",
  { follow: { type: "boolean", alias: "f", description: "then print new frames as they come" } },
  [
    ["xs last note", "the newest note"],
    ["xs last ./store note 3 --follow", "the newest three, then every new one"],
  ],
);
