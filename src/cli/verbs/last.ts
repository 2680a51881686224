import { endVerb } from "../kit/first-last.ts";

export const last = endVerb(
  "last",
  { follow: { type: "boolean", alias: "f", description: "stay for what comes after" } },
  [
    ["xs last note", "the newest note"],
    ["xs last ./store note 3 --follow", "the three newest, then every new one"],
  ],
);
