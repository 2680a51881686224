// A guest book. Every entry is a frame, and a pair of the k/v store is the view that the page shows:
// both change in one commit with the answer.
const ENTRY = "guestbook.entry";
const VIEW = "guestbook/entries";
/** Entries on the page. */
const SHOWN = 100;
/** What a form may send, in bytes, and what is kept of its fields, in characters. */
const MAX_FORM = 10_000;
const MAX_NAME = 80;
const MAX_TEXT = 1000;

type Entry = {
  /** Of the frame that brought it. */
  id: string;
  name: string;
  text: string;
};

export default {
  // Its own entries do not come back to it. Those of others do, as from `xs append`.
  topics: ["http.request", ENTRY],
  // An entry that cannot be read, or whatever else is wrong with one, does not end the book.
  on_error: "skip",
  async run(frame, _state, xs) {
    if (frame.topic === ENTRY) {
      const text = frame.hash ? await xs.text(frame.hash) : "";
      return show(xs, { id: frame.id, name: nameIn(frame.meta?.name), text: cut(text, MAX_TEXT) });
    }
    const { method, path } = frame.meta;
    if (path !== "/") return { response: { status: 404, body: "there is only /\n" } };
    if (method === "GET" || method === "HEAD") {
      return { response: html(page(await entries(xs))) };
    }
    if (method === "POST") return { response: await sign(frame, xs) };
    return {
      response: { status: 405, headers: { allow: "GET, HEAD, POST" }, body: "GET or POST\n" },
    };
  },
} satisfies XsHandler;

async function sign(request: XsFrame, xs: Xs): Promise<XsResponse> {
  const { headers, authority } = request.meta;
  // A browser says from which page a form comes.
  if (headers.origin !== undefined && !String(headers.origin).endsWith(`://${authority}`)) {
    return { status: 403, body: "sign on the page of the guest book\n" };
  }
  // The length is looked at before the content: the gateway takes sixteen megabytes.
  if (!(Number(headers["content-length"]) <= MAX_FORM)) {
    return { status: 413, body: `a form of at most ${MAX_FORM} bytes, with its Content-Length\n` };
  }
  const form = new URLSearchParams(request.hash ? await xs.text(request.hash) : "");
  const name = nameIn(form.get("name"));
  const text = cut(form.get("text") ?? "", MAX_TEXT);
  if (text === "") return { status: 400, body: "write something first\n" };
  await xs.append(ENTRY, text, { meta: { name } });
  await show(xs, { id: request.id, name, text });
  // So that a reload does not sign again.
  return { status: 303, headers: { location: "/" } };
}

async function show(xs: Xs, entry: Entry): Promise<void> {
  await xs.kv.put(VIEW, [entry, ...(await entries(xs))].slice(0, SHOWN));
}

async function entries(xs: Xs): Promise<Entry[]> {
  return ((await xs.kv.get(VIEW)) as Entry[] | undefined) ?? [];
}

function nameIn(given: unknown): string {
  return (typeof given === "string" && cut(given, MAX_NAME)) || "somebody";
}

/** What is kept of a text: no half of a character is left at its end. */
function cut(text: string, most: number): string {
  return text.trim().slice(0, most).toWellFormed();
}

/** An id begins with its time: 48 bits of milliseconds, the whole written in base 36. */
function timeOf(id: string): Date {
  let bits = 0n;
  for (const digit of id) bits = bits * 36n + BigInt(Number.parseInt(digit, 36));
  return new Date(Number(bits >> 80n));
}

/** Text as HTML shows it, whatever is in it. */
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function html(body: string): XsResponse {
  return {
    headers: {
      "content-type": "text/html; charset=utf-8",
      // No script runs here, whoever wrote it.
      "content-security-policy":
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
      "cache-control": "no-store",
    },
    body,
  };
}

function page(entries: readonly Entry[]): string {
  const items = entries.map(({ id, name, text }) => {
    const time = timeOf(id).toISOString();
    return `<article><p>${escaped(text)}</p>
<footer>${escaped(name)}, <time datetime="${time}">${time.slice(0, 16).replace("T", " ")}</time></footer></article>`;
  });
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Guest book</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 36rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #faf8f4; }
form, article { background: #fff; border: 1px solid #e2ddd2; border-radius: 6px; padding: 1rem; margin: 1rem 0; }
label { display: block; margin-bottom: .75rem; }
input, textarea { display: block; width: 100%; box-sizing: border-box; font: inherit; padding: .4rem; border: 1px solid #bbb; border-radius: 4px; }
button { font: inherit; padding: .4rem 1.2rem; }
article p { margin: 0 0 .5rem; white-space: pre-wrap; overflow-wrap: anywhere; }
footer { color: #777; font-size: .85rem; }
</style>
<h1>Guest book</h1>
<form method="post">
<label>Your name <input name="name" maxlength="${MAX_NAME}" autocomplete="name"></label>
<label>A few words <textarea name="text" rows="3" maxlength="${MAX_TEXT}" required></textarea></label>
<button>Sign</button>
</form>
<main>
${items.join("\n")}
</main>
</html>
`;
}
