/** For those who write workers in TypeScript: build a chunk, check it as the service will, name it, push it. */
export { buildChunk, type ChunkInput, type ClusterInput } from "./chunk.js";
export { checkChunk } from "./check.js";
export { InvalidChunkError, QueueFullError, WrongTypeError } from "./errors.js";
export { contentId, inputId } from "./naming.js";
export {
  type IoRedisLike,
  type Item,
  MAX_CHUNK_BYTES,
  type NodeRedisLike,
  prepare,
  Pusher,
  type PusherOptions,
  queueKey,
} from "./push.js";
export type { Chunk, Cluster, Meta, Sentiment, TopicCount } from "./schema.js";
export { centroidF32, centroidOf } from "./vectors.js";
