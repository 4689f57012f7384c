/** What this package says is what Python and the service say: clients/cases.json. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { canonical } from "../src/naming.js";
import { buildChunk, centroidF32, centroidOf, checkChunk, contentId, inputId, InvalidChunkError, prepare } from "../src/index.js";

const cases = JSON.parse(readFileSync(new URL("../../../cases.json", import.meta.url), "utf8"));

for (const { value, written } of cases.numbers) test(`number ${written}`, () => assert.equal(canonical(value), written));

for (const { document, id } of cases.contents) test(`content ${id}`, () => assert.equal(contentId(document), id));

for (const { brand, names, id } of cases.inputs) test(`input ${id}`, () => assert.equal(inputId(brand, names), id));

for (const { numbers, centroidF32: packed } of cases.vectors)
  test(`centroid ${packed}`, () => {
    assert.equal(centroidF32(numbers), packed);
    assert.deepEqual(centroidOf(packed), [...Float32Array.from(numbers)]);
  });

for (const { input, document } of cases.chunks)
  test(`chunk ${document.chunkId}`, () => assert.deepEqual(JSON.parse(prepare(buildChunk(input)).data), document));

for (const { document, path, reason } of cases.documents)
  test(`document ${JSON.stringify(document).slice(0, 80)}`, () => {
    if (path === undefined) return checkChunk(document);
    assert.throws(() => checkChunk(document), (error: unknown) => {
      assert(error instanceof InvalidChunkError);
      assert.deepEqual([error.path, error.reason], [path, reason]);
      return true;
    });
  });

const chunk = { brand: "b", sentiment: { score: 1 }, clusters: [] };
const nested = (levels: number): unknown => (levels === 0 ? '["[{' : [nested(levels - 1)]);
const refused: [string, () => unknown, RegExp][] = [
  ["a chunk without a name and a time", () => buildChunk(chunk), /\$\.chunkId: Expected a chunkId, or a time/],
  ["an invalid date", () => buildChunk({ ...chunk, processedAt: new Date(NaN) }), /\$\.processedAt: Expected a time/],
  ["no names", () => inputId("b", []), /at least one name/],
  ["NaN", () => prepare({ ...chunk, chunkId: "c", sentiment: { score: NaN } }), /\$\.sentiment\.score: NaN is no JSON/],
  ["NaN in a name", () => contentId({ x: [NaN] }), /\$\.x\[0\]: Expected a finite number/],
  ["a number that JavaScript cannot hold", () => prepare({ ...chunk, chunkId: 2 ** 53 }), /\$\.chunkId: .*a text/],
  ["NaN in a centroid", () => centroidF32([1, NaN]), /\$\[1\]: Expected a finite number/],
  ["a great centroid", () => centroidF32([1.1e9]), /\$\[0\]: Expected at most/],
  ["a wide centroid", () => centroidF32(new Float32Array(16_385)), /length 16385/],
  ["blanks around a brand", () => prepare({ ...chunk, chunkId: "c", brand: " b" }), /has blanks around it/],
  ["a brand with a control character", () => prepare({ ...chunk, chunkId: "c", brand: "a\nb" }), /control character/],
  ["half an emoji as a brand", () => prepare({ ...chunk, chunkId: "c", brand: "\ud83d" }), /control character/],
  ["a brand that is too long", () => prepare({ ...chunk, chunkId: "c", brand: "ü".repeat(129) }), /258 bytes/],
  ["no brand", () => prepare({ ...chunk, chunkId: "c", brand: "" }), /must not be empty/],
  ["a chunk that is too large", () => prepare({ ...chunk, chunkId: "c", summary: "x".repeat(99) }, 99), /at most 99 are/],
  ["what is nested too deeply", () => prepare({ ...chunk, chunkId: "c", future: nested(128) } as never), /at most 128/],
  ["too many clusters", () => prepare({ ...chunk, chunkId: "c", clusters: Array(10_001).fill({ mentions: [] }) }), /10001/],
];
for (const [name, what, expected] of refused)
  test(`${name} is refused`, () => assert.throws(what, (error: unknown) => error instanceof InvalidChunkError && expected.test(error.message)));

test("what is nested as deep as may be is taken", () => {
  prepare({ ...chunk, chunkId: "c", future: nested(127), brackets: "[{\"".repeat(200) } as never);
});

test("a Date is told in UTC", () => {
  const built = buildChunk({ ...chunk, processedAt: new Date("2026-11-28T01:02:03.456+01:00") });
  assert.equal(built.processedAt, "2026-11-28T00:02:03.456Z");
});
