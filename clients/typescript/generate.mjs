// Writes src/schema.ts from the JSON Schema of a chunk: its types, and the schema itself for the check.
// With --check nothing is written, and an old file is an error. A word that is not known here is an error, too.
import { readFileSync, writeFileSync } from "node:fs";

const schema = JSON.parse(readFileSync(new URL("../../docs/schemas/chunk.json", import.meta.url), "utf8"));
const target = new URL("src/schema.ts", import.meta.url);
const SCALARS = { string: "string", integer: "number", number: "number", boolean: "boolean", null: "null" };
const BOUNDS = ["minimum", "maximum", "minLength", "maxLength", "maxItems", "default", "title", "description"];

const named = (reference) => reference.replace("#/$defs/", "").replace(/^Wire/, "");

function typeOf(rule) {
  const known = ["$ref", "anyOf", "type", "enum", "items", ...BOUNDS];
  const unknown = Object.keys(rule).filter((word) => !known.includes(word));
  if (unknown.length > 0) throw new Error(`words that are not known: ${unknown.join(", ")}`);
  if (rule.$ref) return named(rule.$ref);
  if (rule.anyOf) return rule.anyOf.map(typeOf).join(" | ");
  if (rule.enum) return rule.enum.map((word) => JSON.stringify(word)).join(" | ");
  if (Array.isArray(rule.type)) return rule.type.map((type) => SCALARS[type]).join(" | ");
  if (rule.type === "array") return `ReadonlyArray<${typeOf(rule.items)}>`;
  if (rule.type in SCALARS) return SCALARS[rule.type];
  throw new Error(`no type: ${JSON.stringify(rule)}`);
}

function interfaceOf(name, { description, properties, required }) {
  const fields = Object.entries(properties).map(([field, rule]) => {
    const optional = required.includes(field) ? "" : "?";
    return `  readonly ${field}${optional}: ${typeOf(rule)}${optional && " | undefined"};`;
  });
  const text = description.replaceAll("\n", "\n * ");
  return `/**\n * ${text}\n */\nexport interface ${named(name)} {\n${fields.join("\n")}\n}\n`.replaceAll(" * \n", " *\n");
}

const text = [
  "// Made by generate.mjs from docs/schemas/chunk.json; changed by nobody else.\n",
  ...Object.entries(schema.$defs).map(([name, rule]) => interfaceOf(name, rule)),
  "/** The JSON Schema of a chunk, the one source of what the check refuses. */",
  `export const SCHEMA: unknown = ${JSON.stringify(schema)};`,
].join("\n") + "\n";

if (!process.argv.includes("--check")) writeFileSync(target, text);
else if (readFileSync(target, "utf8") !== text) throw new Error("src/schema.ts is old: npm run generate");
