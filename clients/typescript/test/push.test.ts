/** What a pusher sends, and what it does not, with a client that keeps lists in memory. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { buildChunk, type Chunk, type IoRedisLike, Pusher, QueueFullError, WrongTypeError } from "../src/index.js";

class Memory implements IoRedisLike {
  lists = new Map<string, string[]>();
  sets = new Map<string, Set<string>>();
  calls: string[] = [];
  kind: string | undefined;

  async rpush(key: string, ...values: string[]): Promise<number> {
    this.calls.push("rpush");
    const list = [...(this.lists.get(key) ?? []), ...values];
    this.lists.set(key, list);
    return list.length;
  }
  async llen(key: string): Promise<number> {
    this.calls.push("llen");
    return this.lists.get(key)?.length ?? 0;
  }
  async type(key: string): Promise<string> {
    return this.kind ?? (this.lists.has(key) ? "list" : this.sets.has(key) ? "set" : "none");
  }
  async sadd(key: string, member: string): Promise<number> {
    this.sets.set(key, (this.sets.get(key) ?? new Set()).add(member));
    return 1;
  }
  async lpos(key: string, element: string): Promise<number | null> {
    const place = this.lists.get(key)?.indexOf(element) ?? -1;
    return place < 0 ? null : place;
  }
  ids(brand: string): string[] {
    return (this.lists.get(`result:brand:${brand}:chunks`) ?? []).map((item) => JSON.parse(item).chunkId);
  }
}

function chunk(id: string | number, brand = "nike", text = ""): Chunk {
  return buildChunk({ chunkId: id, brand, sentiment: { score: 1 }, clusters: [{ mentions: [text] }] });
}

test("chunks stand in their queues in order, in batches", async () => {
  const client = new Memory();
  const numbers = Array.from({ length: 300 }, (_, number) => String(number));
  const brands = ["nike", "a {b} c", "Grüße 🚀"];
  await new Pusher(client).pushAll(numbers.flatMap((number) => brands.map((brand) => chunk(number, brand))));
  for (const brand of brands) assert.deepEqual(client.ids(brand), numbers);
  assert.equal(client.calls.length, 6);
});

test("large chunks go in smaller batches", async () => {
  const client = new Memory();
  await new Pusher(client).pushAll([1, 2, 3, 4, 5, 6, 7].map((id) => chunk(id, "nike", "x".repeat(350_000))));
  assert.equal(client.calls.length, 4);
});

test("nothing goes if one is refused", async () => {
  const client = new Memory();
  await assert.rejects(new Pusher(client).pushAll([chunk(1), { ...chunk(2), brand: "a\nb" }]), /\$\.brand/);
  assert.equal(client.calls.length, 0);
});

test("the bound on waiting chunks is held, and costs nothing while there is room", async () => {
  const client = new Memory();
  const pusher = new Pusher(client, { mostWaiting: 2 });
  await pusher.push(chunk(1));
  await pusher.push(chunk(2));
  assert.deepEqual(client.calls, ["llen", "rpush", "rpush"]);
  await assert.rejects(pusher.pushAll([chunk(1, "puma"), chunk(3)]), (error: unknown) => {
    assert(error instanceof QueueFullError);
    assert.deepEqual([error.brand, error.waiting, error.most, error.pushed], ["nike", 2, 2, ["1"]]);
    return true;
  });
  client.lists.get("result:brand:nike:chunks")!.shift();
  assert.equal(await pusher.push(chunk(3)), "3");
  assert.deepEqual(client.ids("nike"), ["2", "3"]);
});

test("a bound of nothing is refused", () => {
  assert.throws(() => new Pusher(new Memory(), { mostWaiting: 0 }), /at least 1/);
});

test("a brand is registered where the service looks, once", async () => {
  const [set, list, foreign] = [new Memory(), new Memory(), new Memory()];
  await list.rpush("brands:list", "puma");
  foreign.kind = "string";
  for (const client of [set, list]) {
    await new Pusher(client).register(" nike ");
    await new Pusher(client, { registers: true }).pushAll([chunk(1), chunk(2)]);
  }
  assert.deepEqual([...set.sets.get("brands:list")!], ["nike"]);
  assert.deepEqual(list.lists.get("brands:list"), ["puma", "nike"]);
  await assert.rejects(new Pusher(foreign, { registers: true }).push(chunk(1)), WrongTypeError);
  assert.deepEqual(foreign.ids("nike"), []);
});
