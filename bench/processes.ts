import { existsSync } from "node:fs";
import { Connection, encodeRequest } from "./http.ts";
import type { Jobs } from "./worker.ts";

export const XS = "dist/xs";
/** What {@link serveStore} serves with. */
let measured = XS;

/** The binary that is being measured: dist/xs, or what {@link measureWith} names. */
export function measuredBinary(): string {
  return measured;
}

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
export function serveStore(directory: string, ...args: string[]): Promise<Server> {
  return serveWith(measured, directory, ...args);
}

/** Measures with another binary, for as long as that takes. */
export async function measureWith<T>(binary: string, measure: () => Promise<T>): Promise<T> {
  measured = binary;
  try {
    return await measure();
  } finally {
    measured = XS;
  }
}

/** The same with another binary. */
export function serveWith(binary: string, directory: string, ...args: string[]): Promise<Server> {
  return start([binary, "serve", directory, ...args], `${directory}/sock`, "/version");
}

/** The server that does nothing, see floors/server.ts. */
export function serveNothing(binary: string, unix: string, ...args: string[]): Promise<Server> {
  return start([binary, unix, ...args], unix, "/");
}

/** What wrk measured. */
export interface WrkResult {
  readonly perSecond: number;
  readonly requests: number;
  /** Of the round trips, in ms. */
  readonly p99: number;
}

/** Asks from 64 connections at once, for so many seconds, with wrk. */
export async function wrk(port: number, seconds: number): Promise<WrkResult> {
  const url = `http://127.0.0.1:${port}/`;
  const child = spawn(["wrk", "-t1", "-c64", `-d${seconds}`, "--latency", url], "pipe", "inherit");
  const output = await new Response(child.stdout as ReadableStream<Uint8Array>).text();
  const number = (pattern: RegExp) => Number(pattern.exec(output)?.[1]);
  if (/Non-2xx|Socket errors/.test(output)) throw new Error(output);
  const [, p99 = "", unit = ""] = /99%\s+([\d.]+)(us|ms|s)/.exec(output) ?? [];
  const result = {
    perSecond: number(/Requests\/sec:\s+([\d.]+)/),
    requests: number(/(\d+) requests in/),
    p99: Number(p99) * ({ us: 0.001, ms: 1, s: 1000 }[unit] ?? Number.NaN),
  };
  if (Object.values(result).some(Number.isNaN)) throw new Error(output);
  return result;
}

/** A port of 127.0.0.1 that nobody listens at. */
export function freePort(): number {
  using listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  return listener.port;
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
