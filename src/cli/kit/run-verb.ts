import type { Verb, VerbInput } from "./verb.ts";

/** Runs a verb. Where it fails, the message says what else the first word may have been meant as. */
export async function runVerb(verb: Verb, input: VerbInput): Promise<void> {
  try {
    await verb.run(input);
  } catch (error) {
    const { withHint } = await import("./first-word.ts");
    throw withHint(error, verb, input);
  }
}
