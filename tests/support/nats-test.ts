import { test } from "bun:test";
import { hasNats } from "./nats.ts";

/** A test that needs NATS servers. */
export const natsTest = test.skipIf(!hasNats);
