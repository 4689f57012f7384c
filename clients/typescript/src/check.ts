/**
 * Whether the service will accept a document: the rules of the JSON Schema, in the words of the dead letters. The same
 * as `orchestrator/worker/check.py`; `clients/cases.json` holds both to the service's own decoder.
 */
import { InvalidChunkError } from "./errors.js";
import { trimmed } from "./naming.js";
import { type Chunk, SCHEMA } from "./schema.js";
import { centroidOf } from "./vectors.js";

export const MAX_BRAND_BYTES = 256;
const SHOWN_CHARS = 48;

/** Types of JSON Schema in the service's words, in the order in which an error names them. */
const WORDS: Record<string, string> = {
  boolean: "bool",
  integer: "int",
  number: "float",
  string: "str",
  array: "array",
  object: "object",
  null: "null",
};

interface Schema {
  $ref?: string;
  anyOf?: Schema[];
  type?: string | string[];
  enum?: string[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  maxItems?: number;
}

/** What may stand in one place; each kind of value has its own bounds. */
class Rule {
  kinds = new Set<string>();
  choices: string[] | undefined;
  minimum = -Infinity;
  maximum = Infinity;
  minLength = 0;
  maxLength = Infinity;
  maxItems = Infinity;
  items: Rule | undefined;
  fields = new Map<string, Rule>();
  required: string[] = [];

  get expected(): string {
    return Object.values(WORDS)
      .filter((word) => this.kinds.has(word))
      .join(" | ");
  }
}

function read(schema: Schema, definitions: Record<string, Schema>, rule = new Rule()): Rule {
  if (schema.$ref !== undefined) return read(definitions[schema.$ref.replace("#/$defs/", "")]!, definitions, rule);
  for (const choice of schema.anyOf ?? []) read(choice, definitions, rule);
  for (const type of [schema.type ?? []].flat()) rule.kinds.add(WORDS[type]!);
  if (schema.enum !== undefined) {
    rule.kinds.add("str");
    rule.choices = schema.enum;
  }
  rule.minimum = schema.minimum ?? rule.minimum;
  rule.maximum = schema.maximum ?? rule.maximum;
  rule.minLength = schema.minLength ?? rule.minLength;
  rule.maxLength = schema.maxLength ?? rule.maxLength;
  rule.maxItems = schema.maxItems ?? rule.maxItems;
  rule.required = schema.required ?? rule.required;
  if (schema.items !== undefined) rule.items = read(schema.items, definitions);
  for (const [name, inside] of Object.entries(schema.properties ?? {})) rule.fields.set(name, read(inside, definitions));
  return rule;
}

const { $ref, $defs } = SCHEMA as { $ref: string; $defs: Record<string, Schema> };
const RULE = read({ $ref }, $defs);

/** Throws InvalidChunkError unless the service will accept `document` from the queue of its brand. */
export function checkChunk(document: unknown): asserts document is Chunk {
  check(document, RULE, "$");
  const chunk = document as Chunk;
  const fault = brandFault(chunk.brand);
  if (fault !== undefined) throw new InvalidChunkError(fault, "$.brand");
  chunk.clusters.forEach((cluster, place) => {
    const path = `$.clusters[${place}]`;
    if (typeof cluster.centroidF32 === "string") centroidOf(cluster.centroidF32, `${path}.centroidF32`);
    checkWhole(cluster.mentionCount, `${path}.mentionCount`);
  });
  checkWhole(chunk.meta?.mentionCount, "$.meta.mentionCount");
  (chunk.topics ?? []).forEach((topic, place) => {
    if (typeof topic === "object" && typeof topic?.topic === "string")
      checkWhole(topic.mentions, `$.topics[${place}].mentions`);
  });
}

/** What is wrong with a brand's name; undefined if it can be registered. */
export function brandFault(brand: string): string | undefined {
  const name = trimmed(brand);
  if (name === "") return "a brand must not be empty";
  if (/\p{Cc}/u.test(name) || !name.isWellFormed()) return `brand ${ascii(name)} holds a control character`;
  const size = Buffer.byteLength(name);
  if (size > MAX_BRAND_BYTES) return `the brand has ${size} bytes, at most ${MAX_BRAND_BYTES} are allowed`;
  return name === brand ? undefined : `brand ${ascii(brand)} has blanks around it`;
}

function checkWhole(value: number | null | undefined, path: string): void {
  if (typeof value === "number" && !Number.isInteger(value))
    throw new InvalidChunkError(`expected a whole number, got ${value}`, path);
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) && Math.abs(value) < 1e21 ? "int" : "float";
  return WORDS[typeof value] ?? typeof value;
}

function check(value: unknown, rule: Rule, path: string): void {
  const kind = kindOf(value);
  if (typeof value === "number" && !Number.isFinite(value))
    throw new InvalidChunkError(`${value} is no JSON. Expected \`${rule.expected}\``, path);
  if (!rule.kinds.has(kind) && !(kind === "int" && rule.kinds.has("float")))
    throw new InvalidChunkError(withValue(`Expected \`${rule.expected}\`, got \`${kind}\``, value), path);
  const fault = faultOf(value, rule);
  if (fault !== undefined) throw new InvalidChunkError(fault, path);
  if (Array.isArray(value) && rule.items !== undefined) {
    const { items } = rule;
    value.forEach((item, place) => check(item, items, `${path}[${place}]`));
  } else if (kind === "object") {
    checkFields(value as object, rule, path);
  }
}

function checkFields(value: object, rule: Rule, path: string): void {
  for (const [name, member] of Object.entries(value)) {
    const inside = rule.fields.get(name);
    if (inside !== undefined && member !== undefined) check(member, inside, `${path}.${name}`);
  }
  for (const name of rule.required)
    if ((value as Record<string, unknown>)[name] === undefined)
      throw new InvalidChunkError(`Object missing required field \`${name}\``, path);
}

function faultOf(value: unknown, rule: Rule): string | undefined {
  if (typeof value === "string") {
    if (rule.choices !== undefined && !rule.choices.includes(value)) return notAmong(rule.choices, value);
    // characters are counted as the service counts them: an emoji is one
    return lengthFault("str", value.length < rule.minLength || value.length > rule.maxLength ? [...value].length : undefined, rule.minLength, rule.maxLength);
  }
  if (Array.isArray(value)) return lengthFault("array", value.length, 0, rule.maxItems);
  if (typeof value !== "number") return undefined;
  if (!rule.kinds.has("float"))
    return Number.isSafeInteger(value) ? undefined : `Expected a whole number up to 2**53 - 1, or a text, got ${value}`;
  if (value < rule.minimum) return withValue(`Expected \`float\` >= ${rule.minimum.toFixed(1)}`, value);
  return value > rule.maximum ? withValue(`Expected \`float\` <= ${rule.maximum.toFixed(1)}`, value) : undefined;
}

function lengthFault(kind: string, length: number | undefined, least: number, most: number): string | undefined {
  if (length === undefined) return undefined;
  if (length < least) return `Expected \`${kind}\` of length >= ${least}, got length ${length}`;
  return length > most ? `Expected \`${kind}\` of length <= ${most}, got length ${length}` : undefined;
}

function notAmong(choices: readonly string[], value: string): string {
  const words = choices.map((choice) => `\`${choice}\``).sort();
  const last = words.pop();
  return `Expected ${words.join(", ")} or ${last}, got ${ascii(value).slice(0, SHOWN_CHARS)}`;
}

/** What was expected, and what there is instead. */
function withValue(reason: string, value: unknown): string {
  if (!["string", "number", "boolean"].includes(typeof value)) return reason;
  const shown = ascii(value).slice(0, SHOWN_CHARS);
  return reason.includes(", got ") ? `${reason} ${shown}` : `${reason}, got ${shown}`;
}

/** `value` as JSON that is ASCII alone, as Python writes it. */
function ascii(value: unknown): string {
  return JSON.stringify(value).replace(/[\x7f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
