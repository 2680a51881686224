// What node:http of Bun alone costs, on which the gateway stands: answers "hello" from memory.
// Arguments: a unix socket, and a port to answer at as well.
import { createServer } from "node:http";

const HELLO = Buffer.from("hello\n");
const [, , unix, port] = process.argv;

const serve = () =>
  createServer((_, response) => {
    response.setHeader("content-type", "text/plain; charset=utf-8");
    response.setHeader("content-length", HELLO.length);
    response.end(HELLO);
  });
serve().listen(unix);
serve().listen(Number(port), "127.0.0.1");
