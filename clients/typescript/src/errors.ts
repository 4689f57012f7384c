/** A chunk that the service would not accept; path and reason are those of the dead letter that it would become. */
export class InvalidChunkError extends Error {
  override readonly name = "InvalidChunkError";
  constructor(
    readonly reason: string,
    readonly path = "$",
  ) {
    super(`${path}: ${reason}`);
  }
}

/** The bound on what may wait in a brand's queue is reached; `pushed` are the chunkIds that went before. */
export class QueueFullError extends Error {
  override readonly name = "QueueFullError";
  constructor(
    readonly brand: string,
    readonly waiting: number,
    readonly most: number,
    readonly pushed: readonly string[],
  ) {
    super(`${waiting} chunks of brand ${JSON.stringify(brand)} wait, at most ${most} may: push again when fewer do`);
  }
}

/** The registry of brands is neither set nor list. */
export class WrongTypeError extends Error {
  override readonly name = "WrongTypeError";
}
