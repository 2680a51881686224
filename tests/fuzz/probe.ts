// Asks a server again and again, beside whatever else it does, until its standard input ends. Prints how
// long each answer took, in ms. A process by itself, so that it waits for nothing but the server.
const [unix = ""] = process.argv.slice(2);
let over = false;
void Bun.stdin.text().then(() => {
  over = true;
});
while (!over) {
  const start = performance.now();
  const response = await fetch("http://localhost/health", { unix });
  await response.text();
  process.stdout.write(`${(performance.now() - start).toFixed(2)}\n`);
  await Bun.sleep(5);
}

export {};
