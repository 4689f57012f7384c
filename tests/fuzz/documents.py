"""Documents to fuzz with: random ones, damaged ones, and those that a guided search begins with."""

from __future__ import annotations

import base64
import json
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

DATA = Path(__file__).parents[1] / "data"

PIECES: Final = [
    b'"centroid"', b'"centroidF32"', b'"clusters"', b'"\\u0063entroid"', b"[", b"]", b"{", b"}", b",", b":", b'"',
    b"\\", b"null", b"-0.0", b"1e-45", b"1e999", b"0.0975050032138824", b"-", b".", b"e", b" ", b"\xff",
    b"0" * 40, b"\n", b'"mentions"', b'"\\u006dentions"', b'["m"]', b"\\u00e9", b"\\ud83d", b"\\ude80", b"\\u12g4",
    b"\\x",
    b'\\"', b"\xc3\xbc", b"\xc3", b"\xf0\x9f\x9a\x80", b"\x1f",
]  # fmt: skip

NUMBERS: Final = [
    b"0", b"-0", b"-0.0", b"00", b"01.5", b"1.", b".5", b"+1", b"1e", b"1e+", b"1E-2", b"1e05", b"0e0", b"0.0e-99999",
    b"1e-45", b"1.4e-45", b"7.006492321624085e-46", b"1e-46", b"1.17549435e-38", b"1e22", b"1e23", b"1e9",
    b"1000000000.0000001", b"999999999.9999999", b"-1e9", b"1e999", b"1e-99999999999999999999", b"NaN", b"Infinity",
    b"0.1234567890123456", b"0.12345678901234567", b"0.123456789012345678901234", b"0.1234567890123456789012345",
    b"9.12345678901234567", b"9.123456789012345678", b"9223372036854775807", b"9223372036854775808",
    b"18446744073709551615", b"18446744073709551616", b"0.9223372036854775808", b"1.0000000596046447",
    b"1.00000005960464477539", b"1.000000059604644775390625", b"16777217", b"16777217.0", b"0.00000000000000000000001",
    b"5" * 40, b"0." + b"9" * 40, b"null", b"true", b'"1"', b"[1]", b"{}", b"1 2", b"1\t", b"\r\n1", b"1,", b"\x00",
]  # fmt: skip

TEXTS: Final = [
    "", "m", "m1", "m2", "12345678", "123456789", "sixteen letters!", "seventeen letters", "x" * 31, "x" * 200,
    "\u00fc", "gr\u00f6\u00dfer", "\U0001f680" * 9, "\u20ac\x7f\u2028", '"', "\\", "a\\u0041", "/", "\x00\x1f\n\t",
    '"mentions":["m"]', "centroid",
]  # fmt: skip
"""Mentions: around the sizes that are hashed in other ways, of other alphabets, with what JSON escapes."""

LISTS: Final = [
    b"[]", b" [ ] ", b'["m","m"]', b'["m" , "n",\n"m"]', b'["\\u0041","A"]', b'["\\ud83d\\ude80","\xf0\x9f\x9a\x80"]',
    b'["\\ud83d"]',
    b'["\\ude80\\ud83d"]', b'["\\ud83d\\u0041"]', b'["\\b\\f\\n\\r\\t\\/\\"\\\\"]', b'["\\x"]', b'["\\u12g4"]',
    b'["\\u12', b'["\\',
    b'["m",]', b'["m"', b'["m', b'["m" "n"]', b'["m",1]', b'[["m"]]', b"null", b"7", b'"m"', b'["\x1f"]', b'["\xff"]',
    b'["\xc3"]', b'["m"]7',
]  # fmt: skip


def document(rng: random.Random) -> bytes:
    """A chunk with a few clusters, their centroids in either form."""
    clusters = []
    for number in range(rng.randint(0, 3)):
        mentions = [rng.choice(TEXTS) for _ in range(rng.choice([0, 1, 1, 3, 9, 40]))]
        cluster: dict[str, Any] = {"id": str(number), "label": rng.choice(["l", "ü", '"\\']), "mentions": mentions}
        width = rng.choice([0, 1, 2, 7, 40])
        if rng.random() < 0.7:
            cluster["centroid"] = [rng.choice([rng.gauss(0, 0.05), rng.random() * 1e-6, 1, -7.5]) for _ in range(width)]
        if rng.random() < 0.3:
            packed = struct.pack(f"<{width}f", *(rng.gauss(0, 1) for _ in range(width)))
            cluster["centroidF32"] = base64.b64encode(packed).decode()
        clusters.append(cluster)
    chunk = {"chunkId": "c", "brand": "b", "sentiment": {"score": 1}, "clusters": clusters}
    separators = rng.choice([(",", ":"), (", ", ": "), (" ,\n", " : ")])
    return json.dumps(chunk, separators=separators, ensure_ascii=rng.choice([True, False])).encode()


def damaged(rng: random.Random, item: bytes) -> bytes:
    """*item* with a few pieces cut out or put in."""
    for _ in range(rng.choice([0, 1, 1, 2, 5])):
        place = rng.randint(0, len(item))
        cut = rng.choice([0, 0, 1, 3, len(item)])
        item = item[:place] + rng.choice([b"", *PIECES]) + item[place + cut :]
    return item


def seeds() -> Iterator[bytes]:
    """What a guided search begins with: cut samples, odd numbers at every place, lists, limits, random documents."""
    for path in sorted(DATA.glob("*.ndjson")):
        sample = json.loads(path.read_bytes().splitlines()[0])
        for width in (1, 3, 33):
            sample["clusters"] = [_cut(cluster, width) for cluster in sample["clusters"][:2]]
            yield json.dumps(sample).encode()
            yield json.dumps(sample, separators=(",", ":"), ensure_ascii=False).encode()
    for place, number in enumerate(NUMBERS):
        row = [b"-0.0975050032138824"] * (place % 5)
        yield _with_array(b",".join([*row, number]))
        yield _with_array(b" , ".join([number, *row]))
    for text in (b"", b" ", b"1," * 16_383 + b"1", b"1," * 16_384 + b"1"):
        yield _with_array(text)
    for text in LISTS:
        yield b'{"chunkId":"c","brand":"b","clusters":[{"id":"i","mentions":' + text + b',"label":"l"}]}'
    for size in (0, 1, 3, 4, 8, 12, 65_536, 65_540):
        yield b'{"clusters":[{"label":"l","centroidF32":"' + base64.b64encode(bytes(size)) + b'"}]}'
    rng = random.Random(20260101)  # noqa: S311 - repeatable, no secret
    for _ in range(100):
        yield damaged(rng, document(rng))


def _cut(cluster: dict[str, Any], width: int) -> dict[str, Any]:
    """The cluster with few mentions and few dimensions."""
    return {key: value[:width] if isinstance(value, list) else value for key, value in cluster.items()}


def _with_array(text: bytes) -> bytes:
    """A document that is long enough for the scanner to look at it, with *text* in an array."""
    return b'{"chunkId":"c","brand":"b","clusters":[{"id":"i","centroid":[' + text + b'],"label":"l"}]}'


def dictionary() -> str:
    """The pieces and the odd numbers, as libFuzzer reads them."""
    return "".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in [*PIECES, *NUMBERS])
