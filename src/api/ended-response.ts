/** Has the header of every streamed response. */
const STREAMED = "x-accel-buffering";

/**
 * Ends a streamed response when its token ends: a read that follows in an orderly way, as at a stop of the server, and
 * any other one by breaking it off, because its client would take it for whole.
 *
 * @param ended aborted when the token was removed or has expired
 */
export function untilEnded(response: Response, ended: AbortSignal, request: Request): Response {
  const { body, status, headers } = response;
  if (!body || !headers.has(STREAMED)) return response;
  const isFollowing = URL.parse(request.url)?.searchParams.has("follow") ?? false;
  return new Response(endedWith(body, ended, isFollowing), { status, headers });
}

function endedWith(
  body: ReadableStream<Uint8Array>,
  ended: AbortSignal,
  isOrderly: boolean,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let isOver = false;
  let end = () => {};
  const over = () => {
    isOver = true;
    ended.removeEventListener("abort", end);
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        end = () => {
          over();
          if (isOrderly) controller.close();
          // Bun would print an error that is one.
          else controller.error(undefined);
          void reader.cancel().catch(() => {});
        };
        if (ended.aborted) end();
        else ended.addEventListener("abort", end);
      },
      async pull(controller) {
        try {
          const { value, done } = await reader.read();
          if (isOver) return;
          if (value) controller.enqueue(value);
          if (!done) return;
          over();
          controller.close();
        } catch (error) {
          if (isOver) return;
          over();
          controller.error(error);
        }
      },
      async cancel(reason) {
        over();
        await reader.cancel(reason);
      },
    },
    // A piece is fetched only when the client asks for one.
    { highWaterMark: 0 },
  );
}
