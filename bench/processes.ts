import { existsSync } from "node:fs";
import { Connection, encodeRequest } from "./http.ts";
import type { Jobs } from "./worker.ts";

export const XS = "dist/xs";
/** How long anything may take to start or stop. */
const PATIENCE_MS = 30_000;

const running = new Set<Bun.Subprocess>();

function spawn(command: string[], stdout: "pipe" | "ignore", stderr: "inherit" | "ignore") {
  const child = Bun.spawn(command, { stdio: ["ignore", stdout, stderr] });
  running.add(child);
  void child.exited.then(() => running.delete(child));
  return child;
}

/** Ends whatever this run has started. */
export function killAll(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** Runs a job in another process. */
export async function job<Name extends keyof Jobs>(
  name: Name,
  input: Parameters<Jobs[Name]>[0],
): Promise<Awaited<ReturnType<Jobs[Name]>>> {
  const command = [process.execPath, "bench/worker.ts", name, JSON.stringify(input)];
  const child = spawn(command, "pipe", "inherit");
  const output = await new Response(child.stdout as ReadableStream<Uint8Array>).text();
  if ((await child.exited) !== 0) throw new Error(`the job ${name} failed`);
  return JSON.parse(output) as Awaited<ReturnType<Jobs[Name]>>;
}

export interface Server {
  readonly unix: string;
  readonly pid: number;
  /** From the spawn to the first answer. */
  readonly startSeconds: number;
  stop(): Promise<void>;
}

/** Starts a server and waits for its first answer. */
async function start(command: string[], unix: string, path: string): Promise<Server> {
  const started = performance.now();
  const child = spawn(command, "ignore", "ignore");
  while (!(await answers(unix, path))) {
    if (child.exitCode !== null || performance.now() - started > PATIENCE_MS) {
      throw new Error(`${command.join(" ")} does not answer`);
    }
    await Bun.sleep(0.5);
  }
  return {
    unix,
    pid: child.pid,
    startSeconds: (performance.now() - started) / 1000,
    async stop() {
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
      await child.exited;
      clearTimeout(late);
    },
  };
}

async function answers(unix: string, path: string): Promise<boolean> {
  if (!existsSync(unix)) return false;
  try {
    const connection = await Connection.open(unix);
    await connection.request(encodeRequest("GET", path));
    connection.close();
    return true;
  } catch {
    return false;
  }
}

/** `xs serve` on a store that may have to be made. */
export function serveStore(directory: string, binary: string = XS): Promise<Server> {
  return start([binary, "serve", directory], `${directory}/sock`, "/version");
}

/** The server that does nothing, see floors/server.ts. */
export function serveNothing(binary: string, unix: string): Promise<Server> {
  return start([binary, unix], unix, "/");
}

/** Compiles as xs is compiled. */
export async function compile(entry: string, outfile: string): Promise<string> {
  await Bun.build({
    entrypoints: [entry],
    target: "bun",
    format: "esm",
    minify: true,
    bytecode: true,
    compile: { outfile, autoloadDotenv: false, autoloadBunfig: false },
  });
  return outfile;
}
