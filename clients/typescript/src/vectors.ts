/** Centroids as workers send them: base64 of little-endian 32-bit floats. */
import { InvalidChunkError } from "./errors.js";

export const MAX_MAGNITUDE = 1e9;
export const MAX_DIMENSIONS = 16_384;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** `vector` as `centroidF32`, each number as the nearest 32-bit float. Throws InvalidChunkError. */
export function centroidF32(vector: ArrayLike<number>, path = "$"): string {
  const bytes = Buffer.alloc(4 * vector.length);
  for (let place = 0; place < vector.length; place++) {
    const number = Number(vector[place]);
    if (!Number.isFinite(number)) throw new InvalidChunkError(`Expected a finite number, got ${number}`, `${path}[${place}]`);
    if (Math.abs(number) > MAX_MAGNITUDE)
      throw new InvalidChunkError(`Expected at most ${MAX_MAGNITUDE} in magnitude, got ${number}`, `${path}[${place}]`);
    bytes.writeFloatLE(number, 4 * place);
  }
  if (vector.length > MAX_DIMENSIONS)
    throw new InvalidChunkError(`Expected \`array\` of length <= ${MAX_DIMENSIONS}, got length ${vector.length}`, path);
  return bytes.toString("base64");
}

/** The numbers in a `centroidF32`. Throws InvalidChunkError. */
export function centroidOf(text: string, path = "$"): number[] {
  if (!BASE64.test(text)) throw new InvalidChunkError("expected base64 of little-endian float32 numbers", path);
  const bytes = Buffer.from(text, "base64");
  if (bytes.length % 4 !== 0)
    throw new InvalidChunkError(`expected a multiple of 4 bytes after base64, got ${bytes.length}`, path);
  return Array.from({ length: bytes.length / 4 }, (_, place) => bytes.readFloatLE(4 * place));
}
