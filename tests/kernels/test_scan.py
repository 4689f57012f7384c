"""The scan kernel: both twins give the rows that json and numpy give, and refuse what json refuses."""

from __future__ import annotations

import base64
import gc
import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract import chunk as bounds
from orchestrator.contract import decode
from orchestrator.contract.chunk import Cluster
from orchestrator.errors import InvalidChunkError
from orchestrator.kernels.hash_keys import Hashing
from orchestrator.kernels.rows import Centroids, MentionRows
from tests.kernels.support import COMPILED, twins_of

HASHING = Hashing.of_nobody()
FOLDER = Path(decode.__file__).parents[1] / "kernels"


@pytest.fixture(params=twins_of("scan"), scope="module")
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    """Each twin in turn."""
    return importlib.import_module(request.param)


def decoded(kernel: ModuleType, item: bytes) -> tuple[list[Cluster], Centroids, MentionRows, int]:
    """The item's clusters, the rows that they name, and how many times the slow way was taken."""
    slow_calls = []

    def slowly(*arguments: Any) -> Any:
        slow_calls.append(arguments)
        return decode._decode_slowly(10**9, *arguments)

    decode_item = decode._chunk_decoder.decode
    chunks, _, errors, centroids, mentions = kernel.decode_items(
        kernel.Scan([item], 10**9, HASHING), "b", decode_item, slowly
    )
    if errors:
        raise errors[0][1]
    return chunks[0].clusters, centroids, mentions, len(slow_calls)


def rows_of(kernel: ModuleType, item: bytes) -> tuple[list[Any], int]:
    """The centroids of the item's clusters (bits, None for absent), and how many times the slow way was taken."""
    clusters, centroids, _, slow = decoded(kernel, item)
    rows = [part.centroid for part in clusters]
    return [None if row is None else bits(centroids.row(row)) for row in rows], slow


def bits(numbers: Any) -> list[int]:
    """The float32 numbers as bits, so that -0.0 is not 0.0."""
    return np.asarray(numbers, dtype=np.float32).view(np.uint32).tolist()  # type: ignore[no-any-return]


def item_with(array: str, key: str = '"centroid"', more: str = "") -> bytes:
    """A chunk of brand ``b`` whose one cluster has that text as its centroid."""
    cluster = f'{{"id":"i",{key}:{array},"label":"l","mentions":[]{more}}}'
    return f'{{"chunkId":"c","brand":"b","sentiment":{{"score":0}},"clusters":[{cluster}]}}'.encode()


DIGITS = st.text("0123456789", min_size=1, max_size=32)
INTEGERS = st.just("0") | st.from_regex(r"[1-9][0-9]{0,8}", fullmatch=True)
EXPONENTS = st.builds("{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), st.integers(0, 60))
BLANKS = st.sampled_from(["", "", "", " ", "\n", "\t \r"])
NUMBERS = st.one_of(
    st.builds("{}{}.{}{}".format, st.sampled_from(["", "-"]), INTEGERS, DIGITS, st.just("") | EXPONENTS),
    st.builds("{}{}".format, st.sampled_from(["", "-"]), INTEGERS),
    st.floats(-1e9, 1e9).map(repr),
    st.floats(-1, 1, width=32).map(repr),
    # beside the points halfway between two float32 numbers, where a rounding too many shows
    st.integers(1, 2**31 - 2**24).map(lambda number: repr(halfway(number))),
    st.tuples(st.integers(2**29, 2**30), st.integers(-3, 3)).map(lambda pair: nudged(*pair)),
).filter(lambda text: abs(float(text)) <= bounds.MAX_MAGNITUDE)


def halfway(number: int) -> float:
    """The float64 halfway between the float32 with these bits and the next."""
    low, high = np.array([number, number + 1], np.uint32).view(np.float32).astype(np.float64)
    middle = float(low + high) / 2
    return middle if middle <= bounds.MAX_MAGNITUDE else 0.5


def nudged(number: int, steps: int) -> str:
    """A float64 a few steps from such a point, with digits to spare."""
    value = np.array([halfway(number)]).view(np.int64) + steps
    return f"{value.view(np.float64)[0]:.24f}"


@given(numbers=st.lists(NUMBERS, min_size=1, max_size=12), blanks=st.lists(BLANKS, min_size=26, max_size=26))
def test_rows_are_those_of_json(kernel: ModuleType, numbers: list[str], blanks: list[str]) -> None:
    """Any notation of a number gives the bits that json and numpy give, wherever blanks stand."""
    pieces = zip(blanks, numbers, blanks[13:], strict=False)
    array = "[" + ",".join(f"{before}{number}{behind}" for before, number, behind in pieces) + "]"
    expected = np.array(list(map(float, json.loads(array))), np.float64)
    rows, _ = rows_of(kernel, item_with(array))
    sign_of_integers = [number == "-0" for number in numbers]
    assert [row for row, skip in zip(rows[0], sign_of_integers, strict=True) if not skip] == [
        row for row, skip in zip(bits(expected), sign_of_integers, strict=True) if not skip
    ]


@given(numbers=st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=300), wide=st.booleans())
def test_rows_of_embeddings_need_no_slow_way(kernel: ModuleType, numbers: list[float], wide: bool) -> None:  # noqa: FBT001
    """What an embedding model's vectors look like is read in one pass by the compiled twin."""
    array = json.dumps(numbers, separators=None if wide else (",", ":"))
    rows, slow = rows_of(kernel, item_with(array))
    assert rows == [bits(numbers)]
    assert slow == (kernel.__name__ == "orchestrator.kernels.scan_py")


@given(data=st.binary(max_size=600).filter(lambda data: len(data) % 4 == 0))
def test_rows_of_base64_are_the_bytes(kernel: ModuleType, data: bytes) -> None:
    """``centroidF32`` gives the very bits that were packed."""
    packed = base64.b64encode(data).decode()
    rows, _ = rows_of(kernel, item_with(f'"{packed}"', key='"centroidF32"'))
    assert rows == [np.frombuffer(data, "<u4").tolist() or None]


@pytest.fixture(params=[0, 1, 2])
def compiled_kernel(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    """The compiled twin, on each level of instructions that there are here."""
    if not COMPILED:
        pytest.skip("no compiled kernel on this machine")
    kernel = importlib.import_module("orchestrator.kernels._scan")
    previous = kernel.use_instructions(request.param)
    yield kernel
    kernel.use_instructions(previous)


def packed_item(text: str, *, before: int = 0) -> bytes:
    """A chunk with *text* as its centroid, which begins so many bytes later than it would."""
    return item_with(" " * before + f'"{text}"', key='"centroidF32"')


def test_rows_of_base64_are_the_bytes_wherever_they_begin(compiled_kernel: ModuleType) -> None:
    """Of every length up to 100 numbers, from every place in a block; numbers that are not finite are bits like others.

    None takes the slow way.
    """
    rng = np.random.default_rng(64)
    odd = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-45], "<f4").view("<u4")
    for count in range(1, 101):
        numbers = rng.integers(0, 2**32, count, np.uint32)
        numbers[rng.integers(count)] = odd[count % len(odd)]
        text = base64.b64encode(numbers.astype("<u4").tobytes()).decode()
        assert rows_of(compiled_kernel, packed_item(text, before=count % 64)) == ([numbers.tolist()], 0)


@pytest.mark.parametrize(
    "wrong", ["=", "-", "_", "@", "[", "`", "{", ".", "\\/", "\\n", " ", "\x7f", "\u00e9", "\u20ac"]
)
def test_rows_of_base64_are_judged_as_by_the_twin(compiled_kernel: ModuleType, wrong: str) -> None:
    """A sign that is no digit is found at whatever place, and said to be what the twin says."""
    twin = importlib.import_module(twins_of("scan")[0])
    whole = base64.b64encode(np.linspace(-1, 1, 64, dtype="<f4").tobytes()).decode()
    for place in range(len(whole) - len(wrong) + 1):
        item = packed_item(whole[:place] + wrong + whole[place + len(wrong) :])
        assert outcome_of(compiled_kernel, item) == outcome_of(twin, item)


@pytest.mark.parametrize("padding", range(5))
def test_rows_of_base64_end_as_the_twin_says(compiled_kernel: ModuleType, padding: int) -> None:
    """Any number of digits, with any number of signs behind them."""
    twin = importlib.import_module(twins_of("scan")[0])
    digits = base64.b64encode(bytes(range(200))).decode().rstrip("=")
    for count in range(len(digits)):
        item = packed_item(digits[:count] + "=" * padding)
        assert outcome_of(compiled_kernel, item) == outcome_of(twin, item)


def outcome_of(kernel: ModuleType, item: bytes) -> Any:
    """The rows of *item*, or why it is refused."""
    try:
        return rows_of(kernel, item)[0]
    except InvalidChunkError as error:
        return error.reason, error.path


@pytest.mark.parametrize(
    "array",
    [
        "[01]", "[-]", "[1.]", "[.5]", "[+1]", "[1e]", "[1e+]", "[0x1]", "[1,]", "[,1]", "[1 2]", "[nan]", "[NaN 1]",
        "[1e999]", "[-1e10]", "[1000000000.0000001]", "[true]", "[null 1]", '["1"]', "[[1]]", "[1", "[1}", "[1]]", "{}",
        "[0.1234567890123456789x]", "[0.12 34]", "[-0.5-]", "[--0.5]", "[0..5]", "[0.5.5]", "[0.\u0665]", "7", '"x"',
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", ["", "0.25,-0.5,"])
def test_rows_refuse_what_is_no_array_of_numbers(kernel: ModuleType, array: str, before: str) -> None:
    """Everything that JSON or the bounds forbid is refused, first in an array or later."""
    with pytest.raises(InvalidChunkError):
        rows_of(kernel, item_with(array.replace("[", "[" + before, 1)))


@pytest.mark.parametrize("behind", ["0", "7", ".0", "e0", "E1", "-", "true", '"', "[1]", "]"])
@pytest.mark.parametrize("array", ["[0.5,0.25]", "[]", '"AAAAQA=="'])
def test_rows_refuse_what_stands_behind_an_array(kernel: ModuleType, array: str, behind: str) -> None:
    """A digit behind the bracket must not become a part of the row number that takes the array's place."""
    key = '"centroidF32"' if array.startswith('"') else '"centroid"'
    # in the second cluster: no number goes on after the 0 of the first row
    second = f'}},{{"id":"","label":"","mentions":[],{key}:{array}{behind}'
    with pytest.raises(InvalidChunkError):
        rows_of(kernel, item_with("[1]", more=second))


def test_rows_accept_the_bound_itself(kernel: ModuleType) -> None:
    """A billion is allowed, either way."""
    assert rows_of(kernel, item_with("[1e9,-1000000000]"))[0] == [bits([1e9, -1e9])]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (item_with("null"), [None]),
        (item_with("[ ]"), [None]),
        (item_with("[1,NaN]"), [None]),
        (item_with("[-Infinity,0.5]"), [None]),
        (item_with("[null,0.5]"), [None]),
        (item_with("NaN"), [None]),
        (item_with("[1]", more=',"x":NaN'), [[1.0]]),
        (item_with("[1]", key='"\\u0063entroid"'), [[1.0]]),
        (item_with("[1]", more=',"centroid":[2]'), [[2.0]]),
        (item_with("[1]", more=',"centroid":null'), [None]),
        (item_with("[1]", more=',"centroidF32":"AAAAQA=="'), [[2.0]]),
        (item_with('"AAAAQA=="', key='"centroidF32"', more=',"centroid":[1]'), [[2.0]]),
        (item_with('"AAAAQA\\u003d="', key='"centroidF32"'), [[2.0]]),
        (item_with("[1]", more=',"x":{"centroid":"y"}'), [[1.0]]),
        (item_with("[1]", more=',"x":"\\"centroid\\":[5]"'), [[1.0]]),
        (item_with("[1]", more=',"mentionCount":3.0'), [[1.0]]),
        (item_with("[1]").replace(b'"chunkId"', b'"x":[{"centroid":"?"}],"centroid":{},"chunkId"'), [[1.0]]),
        (item_with("[1]").replace(b'"label":"l"', '"label":"ü"'.encode()), [[1.0]]),
        (item_with("[1]").replace(b'"chunkId"', b'"clusters":[{"centroid":[7,8]}],"chunkId"'), [[1.0]]),
    ],
)
def test_rows_are_found_where_they_are(kernel: ModuleType, item: bytes, expected: list[Any]) -> None:
    """Only a cluster's own key names a centroid, however it is written; the last one counts, packed ones first."""
    if b'"clusters":[{"centroid":[7,8]}]' in item:
        with pytest.raises(InvalidChunkError):  # the overridden value is validated as well
            rows_of(kernel, item)
        return
    assert rows_of(kernel, item)[0] == [None if row is None else bits(row) for row in expected]


def test_rows_of_truncated_documents_are_refused(kernel: ModuleType) -> None:
    """A document that ends too early anywhere is refused; nothing behind its end is looked at."""
    whole = item_with("[0.125, -0.0975050032138824, 0.5]", more=',"x":[0.0975050032138824,1]')
    for cut in range(len(whole)):
        with pytest.raises(InvalidChunkError):
            rows_of(kernel, whole[:cut])


@given(place=st.integers(0, 300), damage=st.binary(max_size=4), cut=st.integers(0, 4))
def test_twins_judge_damage_alike(place: int, damage: bytes, cut: int) -> None:
    """Whatever happens to the bytes, both twins give the same rows or the same refusal."""
    packed = base64.b64encode(np.array([1.5, 2.5], "<f4").tobytes()).decode()
    whole = item_with(
        "[0.125,-0.0975050032138824, 5e-05]", more=f'}},{{"id":"","label":"","mentions":[],"centroidF32":"{packed}"'
    )
    item = whole[:place] + damage + whole[place + cut :]
    outcomes = [outcome_of(importlib.import_module(name), item) for name in twins_of("scan")]
    assert outcomes == outcomes[:1] * len(outcomes)


def test_items_of_a_batch_keep_their_rows(kernel: ModuleType) -> None:
    """Ordinary, slow and refused items side by side: row numbers name each chunk's own centroids."""
    items = [
        item_with("[1.5,1]"),
        item_with("[2]", key='"\\u0063entroid"'),
        item_with("[3,true]"),
        item_with("[4]", more=',"mentionCount":2.5'),
        item_with("[5]", more=',"mentionCount":2.0'),
        item_with("[6.5,6,6]"),
        b"",
        b" " * 2000,
    ]
    slowly = partial(decode._decode_slowly, 1000)
    chunks, indices, errors, centroids, _ = kernel.decode_items(
        kernel.Scan(items, 1000, HASHING), "b", decode._chunk_decoder.decode, slowly
    )
    assert indices == [0, 1, 4, 5]
    assert [index for index, _ in errors] == [2, 3, 6, 7]
    rows = [centroids.row(chunk.clusters[0].centroid).tolist() for chunk in chunks]
    assert rows == [[1.5, 1], [2], [5], [6.5, 6, 6]]


AHEAD_BYTES = 1 << 18
"""More than a scan begins a thread of its own for."""


def _great_batch() -> list[bytes]:
    """Ordinary, slow and refused items, large enough to be scanned ahead."""
    centroid = "[" + ",".join(f"{number}.25" for number in range(384)) + "]"
    items = [item_with(centroid), item_with("[2]", key='"\\u0063entroid"'), item_with("[3,true]"), b" " * 20_000]
    return items * (AHEAD_BYTES // sum(map(len, items)) + 1)


def test_scan_ahead_finds_the_same(kernel: ModuleType) -> None:
    """Whether a batch was scanned on a thread of its own or when its turn came makes no difference."""
    items = _great_batch()
    slowly = partial(decode._decode_slowly, 10_000)
    found = []
    for ahead in (False, True):
        scan = kernel.Scan(items, 10_000, HASHING, ahead=ahead)
        chunks, indices, errors, centroids, _ = kernel.decode_items(scan, "b", decode._chunk_decoder.decode, slowly)
        rows = [bits(centroids.row(chunk.clusters[0].centroid)) for chunk in chunks]
        found.append((rows, indices, [(index, str(error)) for index, error in errors]))
    assert found[0] == found[1]
    assert {len(row) for row in found[0][0]} == {384, 1}


def test_scan_keeps_its_items_and_may_be_forgotten(kernel: ModuleType) -> None:
    """Who began a scan may drop the items, or the scan itself while it is under way."""
    items = _great_batch()
    scans = [kernel.Scan(items, 10**6, HASHING, ahead=True) for _ in range(4)]
    count = len(items)
    items.clear()
    gc.collect()
    del scans[1:]
    decode_item = decode._chunk_decoder.decode
    _, indices, errors, _, _ = kernel.decode_items(scans[0], "b", decode_item, partial(decode._decode_slowly, 10**6))
    assert len(indices) + len(errors) == count


def test_collector_leaves_the_items_of_a_scan_alone() -> None:
    """It would clear the list of a scan that hangs on a cycle, under the thread that reads the items."""
    scan = pytest.importorskip("orchestrator.kernels._scan").Scan([item_with("[1]")], 1000, HASHING)
    assert not gc.is_tracked(scan)


NO_THREAD = """
import resource, threading
from tests.kernels.test_scan import HASHING, _great_batch
from orchestrator.contract import decode

items, limits = _great_batch(), decode.Limits()
in_turn = decode.decode_batch(items, "b")
soft, hard = resource.getrlimit(resource.RLIMIT_AS)
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (1 << 20), hard))
try:
    threading.Thread(target=int).start()
except RuntimeError:
    print("no thread")
scan = decode.scan_batch(items, limits, HASHING, ahead=True)
resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
ahead = decode.decode_scan(scan, "b")
print(ahead.indices == in_turn.indices and ahead.centroids.values.tobytes() == in_turn.centroids.values.tobytes())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space by /proc")
def test_scan_waits_for_its_turn_when_no_thread_is_to_be_had() -> None:
    """A process that may start no thread decodes all the same."""
    done = subprocess.run([sys.executable, "-c", NO_THREAD], capture_output=True, text=True, check=False)
    assert (done.stdout.split("\n"), done.stderr) == (["no thread", "True", ""], "")


def test_scan_is_used_up_by_decoding(kernel: ModuleType) -> None:
    """Its rows were handed over."""
    scan = kernel.Scan([item_with("[1]")], 1000, HASHING)
    slowly = partial(decode._decode_slowly, 1000)
    kernel.decode_items(scan, "b", decode._chunk_decoder.decode, slowly)
    with pytest.raises(ValueError, match="the scan is used up"):
        kernel.decode_items(scan, "b", decode._chunk_decoder.decode, slowly)


def test_bounds_are_those_of_the_contract() -> None:
    """The headers repeat two bounds of the contract."""
    text = (FOLDER / "scanner.h").read_text() + (FOLDER / "numbers.h").read_text()
    (magnitude,) = re.findall(r"MAX_MAGNITUDE = ([\de.]+);", text)
    (dimensions,) = re.findall(r"MAX_DIMENSIONS = (\d+);", text)
    assert (float(magnitude), int(dimensions)) == (bounds.MAX_MAGNITUDE, bounds.MAX_DIMENSIONS)
