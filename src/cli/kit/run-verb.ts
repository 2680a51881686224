import type { Verb, VerbInput } from "./verb.ts";

/** Runs a verb. Where it fails on a bare word that names a folder, the message says how to name the store in it. */
export async function runVerb(verb: Verb, input: VerbInput): Promise<void> {
  try {
    await verb.run(input);
  } catch (error) {
    const { withFolderHint } = await import("./bare-folder.ts");
    throw withFolderHint(error, input);
  }
}
