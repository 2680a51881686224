import { connect } from "@nats-io/transport-node";

/** Bytes of each message: about the record of one append without content. */
const BYTES = 200;

/** Publishes messages one after the other, each acknowledged, to a stream on three servers; gives messages a second. */
export async function jetstream(job: { ports: number[]; count: number }): Promise<number> {
  const nc = await connect({ servers: job.ports.map((port) => `127.0.0.1:${port}`) });
  const name = `bench-${crypto.randomUUID()}`;
  const stream = { name, subjects: [name], storage: "file", num_replicas: job.ports.length };
  const said = await nc.request(`$JS.API.STREAM.CREATE.${name}`, JSON.stringify(stream), {
    timeout: 10_000,
  });
  if (said.json<{ error?: object }>().error) throw new Error(`NATS says ${said.string()}`);
  const body = new Uint8Array(BYTES);
  const publish = async (count: number) => {
    for (let n = 0; n < count; n++) {
      const answer = await nc.request(name, body, { timeout: 10_000 });
      if (!answer.string().includes('"seq"')) throw new Error(`NATS says ${answer.string()}`);
    }
  };
  await publish(Math.ceil(job.count / 10));
  const started = performance.now();
  await publish(job.count);
  const seconds = (performance.now() - started) / 1000;
  await nc.request(`$JS.API.STREAM.DELETE.${name}`);
  await nc.close();
  return job.count / seconds;
}
