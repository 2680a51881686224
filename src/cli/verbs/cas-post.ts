import { textIn } from "../../net/text-body.ts";
import { connect } from "../kit/connect.ts";
import { readInput } from "../kit/input.ts";
import { printText } from "../kit/show.ts";
import { splitTarget } from "../kit/target.ts";
import type { Verb } from "../kit/verb.ts";

export const casPostVerb: Verb = {
  name: "cas-post",
  summary: "Store content from stdin and print its hash",
  positionals: "[ADDR]",
  options: {},
  examples: [["xs cas-post < photo.jpg", "prints the hash that  xs cas  takes"]],
  async run(input) {
    const target = splitTarget(input, 0);
    const body = await readInput("content");
    await using client = await connect(target.address, { create: true });
    const response = await client.request("/cas", { method: "POST", body });
    await printText(`${await textIn(response)}\n`);
  },
};
