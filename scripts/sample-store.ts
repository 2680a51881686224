// Makes a store as a person may have it, to look at: topics of a home and of a day's work, pictures and sounds,
// processors that wrote, one that failed and one that waits, and keys with values. It is the same each time, but for its
// times, which end now.
//
//   sh scripts/bun scripts/sample-store.ts DIRECTORY      serves it until Ctrl-C
import { join } from "node:path";
import { landscape, voice } from "./sample-media.ts";

const XS = join(import.meta.dir, "../dist/xs");
const MINUTE_MS = 60_000;
const HOURS = 30;

/** A frame to come, as `xs append --batch` takes it. */
interface Line {
  readonly topic: string;
  readonly at: number;
  readonly meta?: object;
  readonly content?: string;
}

const HEATING = `// Keeps the kitchen warm: below 19.5 °C it switches the heating on, above 20.5 °C off.
export default {
  topics: ["sensor.kitchen"],
  start: "first",
  initial: { on: false, switched: 0 },
  run(frame, state, xs) {
    const { celsius } = frame.meta;
    const on = state.on ? celsius < 20.5 : celsius < 19.5;
    if (on === state.on) return;
    const time = xs.time(frame).getTime();
    if (Date.now() - time > 60_000) {
      xs.append("heating.set", undefined, { meta: { on, celsius }, at: new Date(time + 140) });
    } else {
      console.error("the heating is", on ? "on" : "off", "at", celsius, "°C");
      xs.append("heating.set", undefined, { meta: { on, celsius } });
    }
    xs.kv.put("heating", JSON.stringify({ on, celsius }));
    return { next: { on, switched: state.switched + 1 } };
  },
};
`;

const COMMITS = `// Counts the commits of each repository, under commits/NAME.
export default {
  topics: ["git.commit"],
  start: "first",
  initial: {},
  run(frame, counts, xs) {
    const { repo } = frame.meta;
    const count = (counts[repo] ?? 0) + 1;
    xs.kv.put("commits/" + repo, String(count));
    return { next: { ...counts, [repo]: count } };
  },
};
`;

const MAIL = `export default {
  topics: ["heating.set"],
  start: "first",
  on_error: "fail",
  run() {
    throw new Error("mail: no route to host 192.0.2.25, port 587");
  },
};
`;

const ORDERS = `export default {
  topics: ["order"],
  start: "first",
  on_error: "retry",
  retries: 200,
  run() {
    throw new Error("the shop answered 503 Service Unavailable");
  },
};
`;

const NOTES = [
  "buy milk and coffee",
  "call Ada about Saturday",
  "the bicycle needs a new chain",
  "book: The Dispossessed, Ursula K. Le Guin",
  "water the plants before Friday",
  "Idee: die Küche abends kühler stellen",
  "ring the landlord: the window in the bath does not close",
];
const COMMANDS = [
  "git status",
  "npm test",
  "git commit -m 'Count each visitor once'",
  "cargo build --release",
  "rg -n 'TODO' src",
  "ssh nas df -h /tank",
  "xs last note 5",
];
const COMMITTED = [
  ["shop", "Count each visitor once"],
  ["shop", "The basket keeps its place"],
  ["dotfiles", "A shorter prompt"],
  ["shop", "Prices are integers of cents"],
  ["garden", "Rain of the last week in the plan"],
] as const;
const PLAN = `# Saturday

- [x] chairs from the cellar
- [ ] bread, cheese, *two* kinds of olives
- [ ] ask Ada for the [long table](https://example.org/table)

> Bring nothing but yourselves.
`;

/** A server of the sample store. */
export class SampleStore implements AsyncDisposable {
  readonly directory: string;
  readonly #server: Bun.Subprocess;

  private constructor(directory: string) {
    this.directory = directory;
    this.#server = Bun.spawn([XS, "serve", directory], { stdio: ["ignore", "ignore", "ignore"] });
  }

  /** Makes the store, and waits until its processors have done what they do. */
  static async start(directory: string): Promise<SampleStore> {
    const end = Date.now();
    const it = new SampleStore(directory);
    await until("the server", async () => (await it.#xs(["last", "stream.cross.start"])).ok);
    const past = history(end);
    const lines = past.map(({ at, ...rest }) => JSON.stringify({ ...rest, at: iso(at) }));
    await it.xs(["append", "--batch"], lines.join("\n"));
    await it.#media(end);
    await it.#processors();
    await it.#values();
    await it.xs(["append", "door.front", "--empty", "-F", "open=true"]);
    for (const celsius of [22.4, 19.1]) {
      const before = await it.xs(["last", "heating.set"]);
      await it.xs(["append", "sensor.kitchen", "--empty", "-F", `celsius=${celsius}`]);
      await until("the heating", async () => (await it.xs(["last", "heating.set"])) !== before);
    }
    await it.xs(
      ["append", "photo", "-F", "name=hills.png", "-F", "camera=phone"],
      landscape(640, 400),
    );
    await it.xs(["append", "note", "Grace comes an hour later"]);
    await it.xs(["append", "door.front", "--empty", "-F", "open=false"]);
    await until("the processors", async () => {
      const { out } = await it.#xs(["ps", "--json", "--all"]);
      return out.includes('"retrying"') && out.includes('"failed"');
    });
    return it;
  }

  /** Runs a command on the store. @throws where it fails */
  async xs(args: readonly string[], input: string | Uint8Array = ""): Promise<string> {
    const { ok, out, err } = await this.#xs(args, input);
    if (!ok) throw new Error(`xs ${args.join(" ")}: ${err}`);
    return out.trim();
  }

  async #xs(args: readonly string[], input: string | Uint8Array = "") {
    const child = Bun.spawn([XS, ...args], {
      env: { ...process.env, XS_ADDR: this.directory },
      stdin: typeof input === "string" ? new TextEncoder().encode(input) : input,
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    return { ok: (await child.exited) === 0, out, err };
  }

  async #media(end: number): Promise<void> {
    const add = (topic: string, minutes: number, bytes: Uint8Array, ...fields: string[]) =>
      this.xs(
        [
          "append",
          topic,
          "--at",
          iso(end - minutes * MINUTE_MS),
          ...fields.flatMap((f) => ["-F", f]),
        ],
        bytes,
      );
    await add("voice", 16, voice(2), "name=memo.wav", "seconds=2");
  }

  async #processors(): Promise<void> {
    const handler = (name: string, script: string) =>
      this.xs(["handler", "add", name, "-"], script);
    await handler("heating", HEATING);
    await handler("commits", COMMITS);
    await this.xs(["on", "photo", 'wc -c; echo "kept: $XS_META" >&2']);
    await this.xs(["generator", "add", "load", "--every", "15m", "--", "cat", "/proc/loadavg"]);
    await this.xs(["generator", "add", "disk", "--every", "0 3 * * *", "--", "df", "-k"]);
    await this.#xs(["handler", "add", "mail", "-"], MAIL);
    await this.xs(["append", "order", "--empty", "-F", "item=olives", "-F", "cents=640"]);
    await this.#xs(["handler", "add", "orders", "-"], ORDERS);
    await handler("door-bell", 'export default { topics: ["door.*"], run() {} };');
    await this.xs(["handler", "stop", "door-bell"]);
  }

  async #values(): Promise<void> {
    const put = (key: string, value: string) => this.xs(["kv", "put", key, value]);
    await put("settings/theme", "dark");
    await put("settings/heating", '{"from":19,"to":21,"nights":{"from":17,"to":18}}');
    await put("guests/saturday", "Ada, Grace, Edsger");
    await put("sessions/7f3a", '{"user":"ada","since":"2026-11-26T09:14:00Z","basket":[12,40]}');
    await put("shop/visitors", "1841");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.kill();
    await this.#server.exited;
  }
}

/** The frames of the last hours, in their order. */
function history(end: number): Line[] {
  const random = chance(7);
  const lines: Line[] = [];
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  for (let minute = HOURS * 60; minute > 0; minute -= 1) {
    const at = () => end - minute * MINUTE_MS + Math.floor(random() * MINUTE_MS);
    // It is evening now: the night is ten hours, and begins 20 hours ago.
    const isNight = minute > 600 && minute < 1200;
    if (minute % 10 === 0) lines.push(reading("kitchen", at(), minute, random));
    if (minute % 10 === 5) lines.push(reading("bath", at(), minute, random));
    if (isNight) continue;
    if (random() < 0.25) {
      const command = pick(COMMANDS);
      const meta = {
        exit: random() < 0.15 ? 1 : 0,
        ms: Math.floor(random() * 4000),
        cwd: "~/shop",
      };
      lines.push({ topic: "shell.history", at: at(), content: command, meta });
    }
    if (random() < 0.03) lines.push({ topic: "note", at: at(), content: pick(NOTES) });
    if (random() < 0.04) {
      const [repo, content] = pick(COMMITTED);
      lines.push({ topic: "git.commit", at: at(), content, meta: { repo, branch: "main" } });
    }
    if (random() < 0.03) {
      const open = random() < 0.5;
      lines.push({ topic: `door.${pick(["front", "garden"])}`, at: at(), meta: { open } });
    }
  }
  const shortly = (seconds: number, line: Omit<Line, "at">) =>
    lines.push({ ...line, at: end - seconds * 1000 });
  shortly(480, { topic: "note.plan", content: PLAN });
  shortly(300, {
    topic: "mail.in",
    content: JSON.stringify({
      from: "ada@example.org",
      subject: "Saturday",
      to: ["me@example.org"],
      spam: false,
      size: 2114,
    }),
  });
  shortly(130, { topic: "note", content: "Ada brings the long table" });
  return lines.sort((a, b) => a.at - b.at);
}

/** A reading: warm in the day, cool at night. */
function reading(room: string, at: number, minute: number, random: () => number): Line {
  const warmth = Math.cos(((minute - 200) / (6 * 60)) * 2 * Math.PI);
  const celsius = Math.round((19.8 + 2 * warmth + random()) * 10) / 10;
  const percent = Math.round(48 - 6 * warmth + random() * 4);
  return { topic: `sensor.${room}`, at, meta: { celsius, percent } };
}

/** Numbers from 0 to 1 that are the same each time. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

async function until(what: string, probe: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await probe())) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await Bun.sleep(50);
  }
}

if (import.meta.main) {
  const [directory] = process.argv.slice(2);
  if (!directory) throw new Error("usage: sample-store.ts DIRECTORY");
  await using store = await SampleStore.start(directory);
  console.log(`served: xs ui ${store.directory}`);
  await new Promise((resolve) => process.once("SIGINT", resolve));
}
