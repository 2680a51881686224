// One node on a journal of files, which kills itself with SIGKILL at a fault point. What is acknowledged goes to stdout.
import { writeSync } from "node:fs";
import { parseTtl } from "../../../src/core/ttl.ts";
import { TableApplier } from "../../../src/store/sqlite/commit/apply.ts";
import { ReplicaState } from "../../../src/store/sqlite/replica/replica-state.ts";
import { DirectoryJournal } from "../../support/directory-journal.ts";
import { MemoryNet } from "../../support/memory-cluster.ts";
import { openReplica } from "../../support/nodes.ts";
import { Random } from "../../support/random.ts";

const [directory = "", records = "", point = "", at = "", seed = "", first = ""] =
  Bun.argv.slice(2);
const random = new Random(Number(seed));
let left = Number(at);

/** Ends this process, as power or a kill does, when it comes here for the n-th time. */
function dieAt(name: string): void {
  if (name === point && --left <= 0) process.kill(process.pid, "SIGKILL");
}

const journal = new DirectoryJournal(records);
const append = journal.append.bind(journal);
journal.append = async (expected, record) => {
  const position = await append(expected, record);
  dieAt("answered");
  return position;
};
const { apply } = TableApplier.prototype;
TableApplier.prototype.apply = function (effects, from) {
  if (point !== "applying" || effects.length === from) return apply.call(this, effects, from);
  const middle = from + Math.ceil((effects.length - from) / 2);
  apply.call(this, effects.slice(0, middle), from);
  dieAt("applying");
  apply.call(this, effects, middle);
};
const { write, committed } = ReplicaState.prototype;
ReplicaState.prototype.write = function (...values) {
  write.apply(this, values);
  dieAt("written");
};
ReplicaState.prototype.committed = function () {
  dieAt("committed");
  committed.call(this);
};

const cluster = new MemoryNet({ seed: 1 }).cluster();
const node = openReplica(
  directory,
  {
    ...cluster,
    journal,
    messages: cluster.messages,
    blobs: cluster.blobs,
    close: () => journal.close(),
  },
  { node: "a" },
);
const { last } = await journal.extent();
while (node.replica.state.applied < last) await Bun.sleep(1);
await node.replica.commits.stand();
for (let number = Number(first); ; ) {
  const writes = Array.from({ length: 1 + random.below(4) }, async () => {
    const op = number++;
    const ttl = parseTtl(random.pick(["forever", "forever", "last:2"]));
    const content = random.chance(0.3)
      ? await node.store.content.take(Buffer.from(`content ${op}`))
      : null;
    const request = { topic: random.pick(["a", "b"]), meta: JSON.stringify({ op }), ttl, content };
    const put = { key: "newest", type: "text/plain", value: Buffer.from(String(op)) };
    const key = random.chance(0.3) ? { idempotencyKey: `key-${op}` } : {};
    await node.store.apply([{ append: request }, { put }], key);
    writeSync(1, `${op}\n`);
  });
  await Promise.all(writes);
}
