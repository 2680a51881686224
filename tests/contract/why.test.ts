import { expect, test } from "bun:test";
import { contract, idsOf, NO_ID } from "./subject.ts";

contract((it) => {
  const add = (topic: string, meta: object) =>
    it.append(topic, "", "", { "xs-meta": JSON.stringify(meta) });

  test("what a frame came of, and what came of it: nearest first, each once", async () => {
    const topic = it.fresh();
    const root = await it.append(topic, "root");
    const request = await add(topic, { frame_id: root.id });
    const other = await add(topic, { spawn_id: root.id });
    const last = await add(topic, {
      frame_id: other.id,
      request_id: request.id,
      handler_id: NO_ID,
    });
    expect(await it.frames(`/${last.id}/causes`)).toEqual([other, request, root]);
    expect(await it.frames(`/${root.id}/effects`)).toEqual([request, other, last]);
    expect(await it.ids(`/${root.id}/effects?limit=2`)).toEqual(idsOf([request, other]));
    expect(await it.ids(`/${root.id}/effects?limit=2&after=${other.id}`)).toEqual([last.id]);
    expect(await it.ids(`/${root.id}/effects?depth=1`)).toEqual(idsOf([request, other]));
    expect(await it.frames(`/${last.id}/causes?depth=1&with-depth`)).toEqual(
      [other, request].map((frame) => ({ ...frame, depth: 1 })),
    );
  });

  test("a removed frame is not there, and nothing is found through it", async () => {
    const topic = it.fresh();
    const root = await it.append(topic);
    const between = await add(topic, { frame_id: root.id });
    const last = await add(topic, { frame_id: between.id });
    expect(await it.ids(`/${root.id}/effects`)).toEqual(idsOf([between, last]));
    await it.ask(`/${between.id}`, { method: "DELETE" });
    expect(await it.ids(`/${root.id}/effects`)).toEqual([]);
    expect(await it.ids(`/${last.id}/causes`)).toEqual([]);
    await it.refuses(`GET /${between.id}/effects`, `404 not_found ${between.id}`);
  });

  test("unknown ids and options are refused", async () => {
    const { id } = await it.append(it.fresh());
    for (const direction of ["causes", "effects"]) {
      await it.refuses(`GET /${NO_ID}/${direction}`, `404 not_found ${NO_ID}`);
      await it.refuses(`GET /note/${direction}`, "400 bad_id");
      await it.refuses(`GET /${id}/${direction}?after=${NO_ID}`, `404 not_found ${NO_ID}`);
      await it.refuses(`GET /${id}/${direction}?limit=-1`, "400 bad_option limit");
      await it.refuses(`GET /${id}/${direction}?topic=a`, "400 bad_option topic");
    }
  });
});
