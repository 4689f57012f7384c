/**
 * A worker on a real Redis, with both clients: `node dist/test/service.js SOCKET BRAND`. It pushes the same work twice,
 * and other work once, so that two chunks of three mentions each count. tests/clients starts it beside the service.
 */
import { createClient } from "@redis/client";
import { Redis } from "ioredis";

import { buildChunk, inputId, Pusher } from "../src/index.js";

const [, , path, brand] = process.argv as [string, string, string, string];

const madeOf = (mentions: string[], score: number) =>
  buildChunk({
    brand,
    chunkId: inputId(brand, mentions),
    sentiment: { unit: "counts", positive: 2, neutral: 0, negative: 1, score },
    clusters: [{ label: "Late delivery", mentions, centroid: [0.5, -0.25, 1] }],
    processedAt: new Date(),
    topics: [{ topic: "delivery", mentions: 3 }, "price"],
    meta: { mentionCount: 3 },
  });

const ioredis = new Redis({ path });
await new Pusher(ioredis, { registers: true, mostWaiting: 100 }).push(madeOf(["m1", "m2", "m3"], 1));
await ioredis.quit();

const node = createClient({ socket: { path, tls: false } });
await node.connect();
const pusher = new Pusher(node, { registers: true, mostWaiting: 100 });
await pusher.pushAll([madeOf(["m3", "m2", "m1"], -1), madeOf(["m4", "m5", "m6"], 2)]);
await node.close();
