/**
 * Pushing chunks through a client of Redis that the caller has, ioredis or node-redis: RPUSH, and no more than may
 * wait. A push that was cut off may be repeated: a chunkId counts once. Errors of the client pass as they are.
 */
import { brandFault, checkChunk } from "./check.js";
import { InvalidChunkError, QueueFullError, WrongTypeError } from "./errors.js";
import { trimmed } from "./naming.js";
import type { Chunk } from "./schema.js";

/** The service's default of MAX_CHUNK_BYTES. */
export const MAX_CHUNK_BYTES = 8 * 1024 * 1024;
/** Objects and arrays within each other, the document included. */
export const MAX_DEPTH = 128;
export const BATCH_ITEMS = 256;
export const BATCH_BYTES = 1024 * 1024;
const REGISTRY_KEY = "brands:list";

/** What is needed of ioredis. */
export interface IoRedisLike {
  rpush(key: string, ...values: string[]): Promise<number>;
  llen(key: string): Promise<number>;
  type(key: string): Promise<string>;
  sadd(key: string, member: string): Promise<number>;
  lpos(key: string, element: string): Promise<number | null>;
}

/** What is needed of node-redis. */
export interface NodeRedisLike {
  rPush(key: string, values: string[]): Promise<number>;
  lLen(key: string): Promise<number>;
  type(key: string): Promise<string>;
  sAdd(key: string, member: string): Promise<number>;
  lPos(key: string, element: string): Promise<number | null>;
}

/** A checked chunk: `data` is what RPUSH takes. */
export interface Item {
  readonly brand: string;
  readonly chunkId: string;
  readonly queue: string;
  readonly data: string;
}

export interface PusherOptions {
  /** No push to a queue in which so many chunks wait. The bound is soft, by one batch of each worker. */
  readonly mostWaiting?: number;
  /** Register each brand before its first chunk; a brand that an operator removed comes back by that. */
  readonly registers?: boolean;
  /** What the service takes (MAX_CHUNK_BYTES). */
  readonly maxChunkBytes?: number;
}

/** The key of a brand's queue, after the contract. */
export function queueKey(brand: string): string {
  return `result:brand:${brand}:chunks`;
}

/** Checks `chunk` and writes it down. Throws InvalidChunkError. */
export function prepare(chunk: Chunk, maxBytes = MAX_CHUNK_BYTES): Item {
  checkChunk(chunk);
  const data = JSON.stringify(chunk);
  const size = Buffer.byteLength(data);
  if (size > maxBytes) throw new InvalidChunkError(`the chunk has ${size} bytes, at most ${maxBytes} are allowed`);
  if (tooDeep(data)) throw new InvalidChunkError(`nested too deeply, at most ${MAX_DEPTH} levels are allowed`);
  return { brand: chunk.brand, chunkId: String(chunk.chunkId), queue: queueKey(chunk.brand), data };
}

/** Whether JSON is nested deeper than the contract allows; brackets within texts do not count. */
function tooDeep(data: string): boolean {
  if ((data.match(/[[{]/g)?.length ?? 0) <= MAX_DEPTH) return false;
  let depth = 0;
  for (const [piece] of data.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[[{]|[\]}]/g)) {
    if (piece === "[" || piece === "{") depth++;
    else if (piece === "]" || piece === "}") depth--;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
}

/** Pushes chunks; one for a process is enough. */
export class Pusher {
  readonly #client: IoRedisLike;
  readonly #options: PusherOptions;
  readonly #waiting = new Map<string, number>();
  readonly #registered = new Set<string>();

  constructor(client: IoRedisLike | NodeRedisLike, options: PusherOptions = {}) {
    if (options.mostWaiting !== undefined && !(options.mostWaiting >= 1))
      throw new RangeError(`mostWaiting must be at least 1, or absent for no bound, got ${options.mostWaiting}`);
    this.#client = "rPush" in client ? alike(client) : client;
    this.#options = options;
  }

  /** Pushes one chunk; its chunkId. */
  async push(chunk: Chunk): Promise<string> {
    return (await this.pushAll([chunk]))[0]!;
  }

  /**
   * Pushes `chunks`, all of them checked before the first one goes, each brand's in their order; their chunkIds in the
   * order in which they went. After QueueFullError or an error of the client, all may be pushed again.
   */
  async pushAll(chunks: Iterable<Chunk>): Promise<string[]> {
    const items = [...chunks].map((chunk) => prepare(chunk, this.#options.maxChunkBytes));
    const pushed: string[] = [];
    for (const batch of batches(items)) {
      const { brand, queue } = batch[0]!;
      if (this.#options.registers && !this.#registered.has(brand)) await this.register(brand);
      await this.#makeSure(brand, pushed);
      this.#waiting.set(brand, await this.#client.rpush(queue, ...batch.map((item) => item.data)));
      pushed.push(...batch.map((item) => item.chunkId));
    }
    return pushed;
  }

  /** How many chunks of `brand` wait. */
  async waiting(brand: string): Promise<number> {
    return this.#client.llen(queueKey(registrable(brand)));
  }

  /** Has `brand` folded; the registry keeps the Redis type that it has. */
  async register(brand: string): Promise<void> {
    const name = registrable(brand);
    const kind = await this.#client.type(REGISTRY_KEY);
    if (kind === "list") {
      if ((await this.#client.lpos(REGISTRY_KEY, name)) === null) await this.#client.rpush(REGISTRY_KEY, name);
    } else if (kind === "set" || kind === "none") {
      await this.#client.sadd(REGISTRY_KEY, name);
    } else {
      throw new WrongTypeError(`key ${REGISTRY_KEY} is a ${kind}, expected a set or a list of brands`);
    }
    this.#registered.add(name);
  }

  /** RPUSH tells the length, so it is asked for only where the last one came to the bound. */
  async #makeSure(brand: string, pushed: readonly string[]): Promise<void> {
    const most = this.#options.mostWaiting;
    if (most === undefined || (this.#waiting.get(brand) ?? most) < most) return;
    const waiting = await this.waiting(brand);
    this.#waiting.set(brand, waiting);
    if (waiting >= most) throw new QueueFullError(brand, waiting, most, [...pushed]);
  }
}

function alike(client: NodeRedisLike): IoRedisLike {
  return {
    rpush: (key, ...values) => client.rPush(key, values),
    llen: (key) => client.lLen(key),
    type: (key) => client.type(key),
    sadd: (key, member) => client.sAdd(key, member),
    lpos: (key, element) => client.lPos(key, element),
  };
}

function registrable(brand: string): string {
  const name = trimmed(brand);
  const fault = brandFault(name);
  if (fault !== undefined) throw new InvalidChunkError(fault, "$.brand");
  return name;
}

/** Batches of one brand each, of at most 256 chunks or about 1 MB: the best size of a command for Redis. */
function* batches(items: Iterable<Item>): Generator<Item[]> {
  const open = new Map<string, { batch: Item[]; size: number }>();
  for (const item of items) {
    const bytes = Buffer.byteLength(item.data);
    let { batch, size } = open.get(item.brand) ?? { batch: [], size: 0 };
    if (batch.length > 0 && (batch.length === BATCH_ITEMS || size + bytes > BATCH_BYTES)) {
      yield batch;
      [batch, size] = [[], 0];
    }
    batch.push(item);
    open.set(item.brand, { batch, size: size + bytes });
  }
  for (const { batch } of open.values()) yield batch;
}
