import { visible } from "../../core/visible.ts";

/** Asks the person at the terminal for a yes, on stderr. Anything else, and the end of the input, is a no. */
export async function confirm(question: string): Promise<boolean> {
  process.stderr.write(`${visible(question)} [y/N] `);
  const reader = Bun.stdin.stream().getReader();
  let answer = "";
  while (!answer.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) {
      process.stderr.write("\n");
      break;
    }
    answer += new TextDecoder().decode(value);
  }
  return /^\s*y(es)?\s*$/i.test(answer);
}
