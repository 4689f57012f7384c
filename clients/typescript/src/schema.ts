// Made by generate.mjs from docs/schemas/chunk.json; changed by nobody else.

/**
 * One chunk result as workers write it.
 */
export interface Chunk {
  readonly chunkId: string | number;
  readonly brand: string;
  readonly sentiment: Sentiment;
  readonly clusters: ReadonlyArray<Cluster>;
  readonly processedAt?: string | number | null | undefined;
  readonly topics?: ReadonlyArray<string | TopicCount | null> | null | undefined;
  readonly summary?: string | null | undefined;
  readonly spikeDetected?: boolean | null | undefined;
  readonly meta?: Meta | null | undefined;
}

/**
 * Counts, shares of the chunk's mentions, or percent; without a unit the fold tells them apart.
 */
export interface Sentiment {
  readonly score: number;
  readonly positive?: number | null | undefined;
  readonly neutral?: number | null | undefined;
  readonly negative?: number | null | undefined;
  readonly unit?: "counts" | "percent" | "shares" | null | undefined;
}

/**
 * One cluster as it is written.
 *
 * mentions are ids, or example texts in the shares dialect; an integer is its digits. centroidF32 (base64 of
 * little-endian float32) wins over centroid. A centroid with an element that is no number is absent.
 */
export interface Cluster {
  readonly mentions: ReadonlyArray<string | number>;
  readonly id?: string | number | null | undefined;
  readonly label?: string | null | undefined;
  readonly sentimentScore?: number | null | undefined;
  readonly spike?: boolean | null | undefined;
  readonly mentionCount?: number | null | undefined;
  readonly centroid?: ReadonlyArray<number | null> | null | undefined;
  readonly centroidF32?: string | null | undefined;
}

/**
 * TopicCount as it is written.
 */
export interface TopicCount {
  readonly topic?: string | null | undefined;
  readonly mentions?: number | null | undefined;
}

/**
 * Meta as it is written.
 */
export interface Meta {
  readonly mentionCount?: number | null | undefined;
  readonly traceparent?: string | null | undefined;
}

/** The JSON Schema of a chunk, the one source of what the check refuses. */
export const SCHEMA: unknown = {"$schema":"https://json-schema.org/draft/2020-12/schema","title":"One chunk result, an item of result:brand:<brand>:chunks","$ref":"#/$defs/WireChunk","$defs":{"WireChunk":{"title":"WireChunk","description":"One chunk result as workers write it.","type":"object","properties":{"chunkId":{"anyOf":[{"type":"string","maxLength":512,"minLength":1},{"type":"integer"}]},"brand":{"type":"string"},"sentiment":{"$ref":"#/$defs/Sentiment"},"clusters":{"type":"array","items":{"$ref":"#/$defs/WireCluster"},"maxItems":10000},"processedAt":{"type":["string","number","null"],"default":null},"topics":{"anyOf":[{"type":"array","items":{"anyOf":[{"type":"string"},{"$ref":"#/$defs/WireTopicCount"},{"type":"null"}]},"maxItems":1000},{"type":"null"}],"default":null},"summary":{"anyOf":[{"type":"string"},{"type":"null"}],"default":null},"spikeDetected":{"anyOf":[{"type":"boolean"},{"type":"null"}],"default":null},"meta":{"anyOf":[{"$ref":"#/$defs/WireMeta"},{"type":"null"}],"default":null}},"required":["chunkId","brand","sentiment","clusters"]},"Sentiment":{"title":"Sentiment","description":"Counts, shares of the chunk's mentions, or percent; without a unit the fold tells them apart.","type":"object","properties":{"score":{"type":"number","minimum":-1000000000,"maximum":1000000000},"positive":{"anyOf":[{"type":"number","minimum":0,"maximum":1000000000},{"type":"null"}],"default":null},"neutral":{"anyOf":[{"type":"number","minimum":0,"maximum":1000000000},{"type":"null"}],"default":null},"negative":{"anyOf":[{"type":"number","minimum":0,"maximum":1000000000},{"type":"null"}],"default":null},"unit":{"anyOf":[{"enum":["counts","percent","shares"]},{"type":"null"}],"default":null}},"required":["score"]},"WireCluster":{"title":"WireCluster","description":"One cluster as it is written.\n\nmentions are ids, or example texts in the shares dialect; an integer is its digits. centroidF32 (base64 of\nlittle-endian float32) wins over centroid. A centroid with an element that is no number is absent.","type":"object","properties":{"mentions":{"type":"array","items":{"anyOf":[{"type":"string"},{"type":"integer"}]},"maxItems":100000},"id":{"anyOf":[{"type":"string"},{"type":"integer"},{"type":"null"}],"default":null},"label":{"anyOf":[{"type":"string"},{"type":"null"}],"default":null},"sentimentScore":{"anyOf":[{"type":"number","minimum":-1000000000,"maximum":1000000000},{"type":"null"}],"default":null},"spike":{"anyOf":[{"type":"boolean"},{"type":"null"}],"default":null},"mentionCount":{"anyOf":[{"type":"number","minimum":0,"maximum":1000000000},{"type":"null"}],"default":null},"centroid":{"anyOf":[{"type":"array","items":{"anyOf":[{"type":"number","minimum":-1000000000,"maximum":1000000000},{"type":"null"}]},"maxItems":16384},{"type":"null"}],"default":null},"centroidF32":{"anyOf":[{"type":"string","maxLength":87384},{"type":"null"}],"default":null}},"required":["mentions"]},"WireTopicCount":{"title":"WireTopicCount","description":"TopicCount as it is written.","type":"object","properties":{"topic":{"anyOf":[{"type":"string"},{"type":"null"}],"default":null},"mentions":{"anyOf":[{"type":"number","minimum":0,"maximum":1000000000},{"type":"null"}],"default":null}},"required":[]},"WireMeta":{"title":"WireMeta","description":"Meta as it is written.","type":"object","properties":{"mentionCount":{"anyOf":[{"type":"number","minimum":0,"maximum":1000000000},{"type":"null"}],"default":null},"traceparent":{"type":["string","null"],"default":null}},"required":[]}}};
