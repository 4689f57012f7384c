/**
 * Names of chunks that are the same each time, byte for byte those of Python's `orchestrator.worker`: SHA-256 over
 * canonical JSON (RFC 8785), cut to 128 bits. A chunkId counts once, so it must not be chance.
 */
import { createHash } from "node:crypto";

import { InvalidChunkError } from "./errors.js";

const BLANK = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const BLANKS_AROUND = new RegExp(`^${BLANK}+|${BLANK}+$`, "g");

/** The chunkId for what is made from `names`: ids of mentions, or of the job, in any order and number. */
export function inputId(brand: string, names: Iterable<string | number>): string {
  const wanted = [...new Set([...names].map((name) => String(name).toWellFormed()))].sort();
  if (wanted.length === 0)
    throw new InvalidChunkError("Expected at least one name of what the chunk is made from, got none");
  return `i1-${digest({ brand: trimmed(brand).toWellFormed(), input: wanted })}`;
}

/**
 * The chunkId for the content of `document`, apart from a chunkId that it has. `processedAt` is part of it: without it,
 * two chunks that say the same are one.
 */
export function contentId(document: object): string {
  return `c1-${digest({ ...document, chunkId: null })}`;
}

/** `value` after RFC 8785, without members that are null. Throws InvalidChunkError where it is no JSON. */
export function canonical(value: unknown, path = "$"): string {
  if (typeof value === "string") return JSON.stringify(value.toWellFormed());
  if (value === null || typeof value === "boolean") return JSON.stringify(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new InvalidChunkError(`Expected a finite number, got ${value}`, path);
    return JSON.stringify(value); // the standard took its numbers from here
  }
  if (Array.isArray(value)) return `[${value.map((each, place) => canonical(each ?? null, `${path}[${place}]`)).join(",")}]`;
  if (typeof value !== "object") throw new InvalidChunkError(`Expected a value of JSON, got \`${typeof value}\``, path);
  const members = Object.entries(value).filter(([, each]) => each !== null && each !== undefined);
  members.sort(([one], [other]) => (one < other ? -1 : 1)); // by UTF-16 code units
  return `{${members.map(([name, each]) => `${canonical(name)}:${canonical(each, `${path}.${name}`)}`).join(",")}}`;
}

/** `text` without blanks around it, those that Python's strip() takes for blanks, as the service does it. */
export function trimmed(text: string): string {
  return text.replace(BLANKS_AROUND, "");
}

function digest(value: unknown): string {
  return createHash("sha256").update(canonical(value)).digest("hex").slice(0, 32);
}
