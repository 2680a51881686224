// A page that shows the stream while it happens. The requests that are open are the handler's state:
// each new frame is another piece of the answer to all of them.
interface State {
  /** Ids of the requests of those who watch. */
  open: string[];
}

/** So many may watch. Each frame is as many answers, and who has gone may not have been seen to go. */
const MOST = 100;

export default {
  // No topics: it takes everything but its own answers.
  initial: { open: [] },
  // A frame that cannot be shown is none that ends the page.
  on_error: "skip",
  async run(frame, { open }, xs) {
    switch (frame.topic) {
      case "http.request":
        if (frame.meta.path === "/") return { response: page() };
        if (frame.meta.path !== "/events") {
          return { response: { status: 404, body: "there are / and /events\n" } };
        }
        await xs.respond(frame, {
          headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
          // How soon a browser that lost its connection comes again, in ms.
          body: "retry: 1000\n\n",
          more: true,
        });
        // The one that has watched longest makes room; where it is still there, its browser comes again.
        for (const id of open.slice(0, -(MOST - 1))) await xs.respond(id, { body: "" });
        return { next: { open: [...open, frame.id].slice(-MOST) } };
      case "http.disconnect":
        return { next: { open: open.filter((id) => id !== frame.meta.request_id) } };
      case "stream.cross.start":
        // With the server before this one all its connections ended.
        return { next: { open: [] } };
    }
    // Requests of the page itself, and what others answer, are no news.
    if (frame.topic.startsWith("http.")) return;
    const event = `id: ${frame.id}\ndata: ${JSON.stringify(frame)}\n\n`;
    for (const id of open) await xs.respond(id, { body: event, more: true });
  },
} satisfies XsHandler<State>;

function page(): XsResponse {
  return {
    headers: { "content-type": "text/html; charset=utf-8" },
    body: `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>The stream</title>
<style>
body { font: 14px/1.5 ui-monospace, monospace; margin: 2rem; color: #222; }
li { margin: .2rem 0; overflow-wrap: anywhere; } b { color: #06c; }
</style>
<h1>The stream</h1>
<p id="state">connecting</p>
<ol id="frames"></ol>
<script>
const state = document.querySelector("#state"), frames = document.querySelector("#frames");
const events = new EventSource("/events");
events.onopen = () => { state.textContent = "live"; };
events.onerror = () => { state.textContent = "connecting again"; };
events.onmessage = ({ data }) => {
  const { topic, id, meta } = JSON.parse(data);
  const item = document.createElement("li"), name = document.createElement("b");
  // Text, never HTML: anyone may have written it.
  name.textContent = topic;
  item.append(name, " " + id + (meta === null ? "" : " " + JSON.stringify(meta)));
  frames.prepend(item);
};
</script>
</html>
`,
  };
}
