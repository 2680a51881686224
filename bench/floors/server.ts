// What Bun.serve alone costs: answers "ok" to a POST and passes one line on to every open GET. It
// keeps nothing. Compiled, like xs. Arguments: a unix socket, and a port to answer at as well.

const LINE = Buffer.from(
  '{"topic":"note","id":"03hadtdyn9s2dxl5soli9q9dz","hash":null,"meta":{"n":1},"ttl":"forever"}\n',
);
const followers = new Set<ReadableStreamDefaultController<Uint8Array>>();

const [, , unix = "", port] = process.argv;
// A follower may be silent for ever. The types leave this out for a unix socket.
const options = { fetch: answer, ...({ idleTimeout: 0 } as object) };
Bun.serve({ unix, ...options });
if (port !== undefined) Bun.serve({ hostname: "127.0.0.1", port, ...options });

function answer(request: Request): Response {
  if (request.method === "POST") {
    for (const follower of followers) follower.enqueue(LINE);
    return new Response("ok");
  }
  if (!request.url.includes("follow")) return new Response("ok");
  let mine: ReadableStreamDefaultController<Uint8Array>;
  return new Response(
    new ReadableStream<Uint8Array>({
      start(controller) {
        mine = controller;
        controller.enqueue(LINE);
        followers.add(controller);
      },
      cancel: () => void followers.delete(mine),
    }),
  );
}
