import { visible } from "../../core/visible.ts";
import { writeOut } from "../kit/output.ts";
import { plainStyle } from "./screen.ts";

/** Shows findings to a person: a mark and a sentence for each, and below it what to do. */
export async function showFindings(
  lines: readonly { readonly ok: boolean; readonly what: string; readonly mend: string | null }[],
): Promise<void> {
  const style = plainStyle();
  const text = lines.map(({ ok, what, mend }) => {
    const mark = ok ? style.dim("ok   ") : style.wrong("mend ");
    const below = mend === null ? "" : `     ${visible(mend, "\n")}\n`;
    return `${mark}${visible(what, "\n")}\n${below}`;
  });
  await writeOut(text.join(""));
}
