/** A chunk as a worker has it, and the document that it becomes. */
import { InvalidChunkError } from "./errors.js";
import { contentId, trimmed } from "./naming.js";
import type { Chunk, Cluster, Meta, Sentiment, TopicCount } from "./schema.js";
import { centroidF32 } from "./vectors.js";

/** A cluster whose centroid may be any list of numbers; it is packed. */
export interface ClusterInput extends Omit<Cluster, "centroid" | "centroidF32"> {
  readonly centroid?: ArrayLike<number> | null | undefined;
}

/** A chunk; `chunkId` names it for ever, see inputId. Without one it is named after its content. */
export interface ChunkInput {
  readonly brand: string;
  readonly sentiment: Sentiment;
  readonly clusters: readonly ClusterInput[];
  readonly chunkId?: string | number | null | undefined;
  /** A Date, Unix seconds or milliseconds, or a text of RFC 3339; without one the chunk counts when it arrives. */
  readonly processedAt?: Date | string | number | null | undefined;
  readonly topics?: readonly (string | TopicCount)[] | null | undefined;
  readonly summary?: string | null | undefined;
  readonly spikeDetected?: boolean | null | undefined;
  readonly meta?: Meta | null | undefined;
}

/** The document of `input`, named; ids are texts, centroids packed, halves of surrogate pairs U+FFFD. */
export function buildChunk(input: ChunkInput): Chunk {
  const { unit, score, positive, neutral, negative } = input.sentiment;
  const meta = kept({ mentionCount: input.meta?.mentionCount, traceparent: input.meta?.traceparent });
  const content = kept({
    brand: clean(trimmed(input.brand)),
    sentiment: kept({ unit, score, positive, neutral, negative }),
    clusters: input.clusters.map((cluster, place) => buildCluster(cluster, `$.clusters[${place}]`)),
    processedAt: input.processedAt instanceof Date ? timeOf(input.processedAt) : clean(input.processedAt),
    topics: input.topics?.length ? input.topics.map(buildTopic) : undefined,
    summary: clean(input.summary),
    spikeDetected: input.spikeDetected,
    meta: Object.keys(meta).length ? meta : undefined,
  });
  if (input.chunkId !== null && input.chunkId !== undefined) return { chunkId: named(input.chunkId), ...content } as Chunk;
  if (input.processedAt === null || input.processedAt === undefined)
    throw new InvalidChunkError(
      "Expected a chunkId, or a time: without either, two chunks that say the same would be taken for one",
      "$.chunkId",
    );
  return { chunkId: contentId(content), ...content } as unknown as Chunk;
}

function kept(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined));
}

function clean<T>(value: T): T {
  return typeof value === "string" ? (value.toWellFormed() as T) : value;
}

/** An id as text: 17 and "17" are the same, and must have the same name. */
function named<T>(value: T): T | string {
  return typeof value === "number" && Number.isSafeInteger(value) ? String(value) : clean(value);
}

function timeOf(time: Date): string {
  if (Number.isNaN(time.getTime())) throw new InvalidChunkError("Expected a time, got Invalid Date", "$.processedAt");
  return time.toISOString();
}

function buildCluster(cluster: ClusterInput, path: string): Record<string, unknown> {
  const { centroid } = cluster;
  return kept({
    id: named(cluster.id),
    label: clean(cluster.label),
    mentions: cluster.mentions.map(named),
    mentionCount: cluster.mentionCount,
    sentimentScore: cluster.sentimentScore,
    spike: cluster.spike,
    centroidF32: centroid === null || centroid === undefined ? undefined : centroidF32(centroid, `${path}.centroid`),
  });
}

function buildTopic(topic: string | TopicCount): unknown {
  return typeof topic === "string" ? clean(topic) : kept({ topic: clean(topic.topic), mentions: topic.mentions });
}
