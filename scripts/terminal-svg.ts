// Draws what a program wrote to a terminal as an SVG: text, colours and line ends. It knows no cursor movements.

/** What a sequence of colours and weights has set. */
interface Look {
  bold: boolean;
  dim: boolean;
  colour: string | undefined;
}

/** A piece of a line in one look. */
interface Span extends Look {
  readonly text: string;
}

/** A palette that reads on the background of the picture; the number is that of SGR. */
const COLOURS: Readonly<Record<number, string>> = {
  31: "#ff7b72",
  32: "#7ee787",
  33: "#e3b341",
  34: "#79c0ff",
  35: "#d2a8ff",
  36: "#56d4dd",
  90: "#8b949e",
};
const TEXT = "#e6edf3";
const DIM = "#8b949e";
const BACKGROUND = "#161b22";
const BORDER = "#30363d";

/** The size of a character, of a line, and of the space around the text, in px. */
const CELL = 7.8;
const LINE = 18;
const SPACE = 16;
const TITLE = 28;

const FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace";

/**
 * Draws a terminal window.
 *
 * @param output what the terminal got; lines end with LF or CR LF
 * @param columns the width of the terminal
 * @param title what the picture shows, for people who do not see it: plain words
 */
export function terminalSvg(output: string, columns: number, title: string): string {
  const lines = spansOf(output.replaceAll("\r\n", "\n"));
  const width = Math.ceil(columns * CELL + 2 * SPACE);
  const height = TITLE + lines.length * LINE + SPACE;
  const dots = ["#ff5f56", "#ffbd2e", "#27c93f"].map(
    (colour, at) => `<circle cx="${SPACE + 4 + at * 18}" cy="16" r="5" fill="${colour}"/>`,
  );
  const texts = lines.map((spans, at) => lineOf(spans, TITLE + (at + 1) * LINE - 4));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${title}</title>
<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8" fill="${BACKGROUND}" stroke="${BORDER}"/>
${dots.join("")}
<g font-family="${FONT}" font-size="13" fill="${TEXT}">
${texts.filter((text) => text !== "").join("\n")}
</g>
</svg>
`;
}

/** Each span has a place of its own, so that columns stay in line whatever font there is. */
function lineOf(spans: readonly Span[], y: number): string {
  let column = 0;
  const drawn = spans.map(({ text, bold, dim, colour }) => {
    const width = Bun.stringWidth(text);
    const x = (SPACE + column * CELL).toFixed(1);
    column += width;
    if (text.trim() === "") return "";
    const fill = colour ?? (dim ? DIM : undefined);
    const look = `${bold ? ' font-weight="bold"' : ""}${fill ? ` fill="${fill}"` : ""}`;
    const length = (width * CELL).toFixed(1);
    return `<text x="${x}" y="${y}" textLength="${length}"${look}>${escaped(text)}</text>`;
  });
  return drawn.join("");
}

function spansOf(output: string): Span[][] {
  const look: Look = { bold: false, dim: false, colour: undefined };
  return output
    .trimEnd()
    .split("\n")
    .map((line) => {
      // Text and the parameters of sequences take turns.
      // biome-ignore lint/suspicious/noControlCharactersInRegex: sequences begin with it.
      const parts = line.split(/\x1b\[([\d;]*)m/);
      return parts.flatMap((part, at) => {
        if (at % 2 === 0) return part === "" ? [] : [{ ...look, text: part }];
        for (const code of part.split(";")) apply(look, Number(code));
        return [];
      });
    });
}

/** Select Graphic Rendition (ECMA-48, 8.3.117), as far as xs uses it. */
function apply(look: Look, code: number): void {
  if (code === 0) Object.assign(look, { bold: false, dim: false, colour: undefined });
  else if (code === 1) look.bold = true;
  else if (code === 2) look.dim = true;
  else if (code === 22) Object.assign(look, { bold: false, dim: false });
  else if (code === 39) look.colour = undefined;
  else if (code in COLOURS) look.colour = COLOURS[code];
}

/** Spaces become those that no renderer collapses. */
function escaped(text: string): string {
  const plain = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return plain.replaceAll(" ", "\u00a0");
}
