/** The network of the machines: one that is set aside for tests of networks (RFC 2544). */
const NETWORK = "198.18.77";
/** The address of the tests' own process. */
const OUTSIDE = 254;

function ip(...args: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["ip", ...args], { stdout: "ignore" });
  if (exitCode !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr}`.trim());
}

/** Why there can be no networks of our own here; undefined where there can. */
export function missingNamespaces(): string | undefined {
  if (process.platform !== "linux") return "network namespaces are for Linux";
  if (process.getuid?.() !== 0) return "only root may make network namespaces";
  if (!Bun.which("ip")) return "there is no ip, of iproute2";
  try {
    using _network = new Network(1);
    return undefined;
  } catch (error) {
    return `no network namespace may be made here: ${(error as Error).message}`;
  }
}

/** Machines on one network, each a network namespace, of which any two can be cut off from each other; gone after the test. */
export class Network implements Disposable {
  readonly count: number;
  readonly #name = `xs${process.pid.toString(36)}`;
  readonly #cut = new Set<string>();

  constructor(count: number) {
    this.count = count;
    try {
      ip("link", "add", this.#name, "type", "bridge");
      ip("addr", "add", `${NETWORK}.${OUTSIDE}/24`, "dev", this.#name);
      ip("link", "set", this.#name, "up");
      for (let i = 0; i < count; i++) this.#add(i);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  host(i: number): string {
    return `${NETWORK}.${i + 1}`;
  }

  /** A command that runs another one on a machine, in its own process. */
  under(i: number): string[] {
    return ["ip", "netns", "exec", this.#space(i)];
  }

  /** Nothing gets from one machine to the other any more. */
  cut(one: number, other: number): void {
    const name = [one, other].sort().join();
    if (one === other || this.#cut.has(name)) return;
    this.#cut.add(name);
    this.#route("add", one, other);
  }

  /** The machines of each group reach each other, and no others. Those in no group are alone. */
  split(...groups: readonly (readonly number[])[]): void {
    for (let one = 0; one < this.count; one++) {
      for (let other = one + 1; other < this.count; other++) {
        const together = groups.some((group) => group.includes(one) && group.includes(other));
        if (!together) this.cut(one, other);
      }
    }
  }

  heal(): void {
    for (const name of this.#cut) {
      const [one = 0, other = 0] = name.split(",").map(Number);
      this.#route("del", one, other);
    }
    this.#cut.clear();
  }

  [Symbol.dispose](): void {
    for (let i = 0; i < this.count; i++) {
      Bun.spawnSync(["ip", "netns", "del", this.#space(i)], { stderr: "ignore" });
    }
    Bun.spawnSync(["ip", "link", "del", this.#name], { stderr: "ignore" });
  }

  #space(i: number): string {
    return `${this.#name}-${i}`;
  }

  #add(i: number): void {
    const space = this.#space(i);
    const outside = `${this.#name}v${i}`;
    ip("netns", "add", space);
    ip("link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", space);
    ip("link", "set", outside, "master", this.#name, "up");
    ip("-n", space, "addr", "add", `${this.host(i)}/24`, "dev", "eth0");
    ip("-n", space, "link", "set", "eth0", "up");
    ip("-n", space, "link", "set", "lo", "up");
  }

  #route(what: "add" | "del", one: number, other: number): void {
    ip("-n", this.#space(one), "route", what, "blackhole", `${this.host(other)}/32`);
    ip("-n", this.#space(other), "route", what, "blackhole", `${this.host(one)}/32`);
  }
}
