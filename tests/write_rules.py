"""What the present rules make of the chunks in ``tests/data``: ``python -m tests.write_rules`` writes it down.

One file for each ``RULES_VERSION``, in ``tests/data/rules``. A version that is written down is never written again: if
what readers are told of the same chunks differs, the rules are others, and ``orchestrator/contract/fingerprint.py``
has to say so by the next number. Then the log tells that a brand is taken over from other rules (decision 42).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.decode import decode_batch
from orchestrator.contract.fingerprint import RULES_VERSION

DATA: Final = Path(__file__).parent / "data"
NOW_MS: Final = 1_795_435_200_000  # 2026-11-23T12:00:00Z


def rules_file(version: int) -> Path:
    """Where what the rules of *version* say is written down."""
    return DATA / "rules" / f"{version}.json"


def told() -> dict[str, Any]:
    """The summary of each brand of each file of chunks, all of them folded at once."""
    return {
        f"{path.stem}/{brand}": _summary(brand, items)
        for path in sorted(DATA.glob("chunks_*.ndjson"))
        for brand, items in _brands(path)
    }


def _brands(path: Path) -> Iterator[tuple[str, list[bytes]]]:
    lines = path.read_bytes().splitlines()
    for brand in sorted({json.loads(line)["brand"] for line in lines}):
        yield brand, [line for line in lines if json.loads(line)["brand"] == brand]


def _summary(brand: str, items: list[bytes]) -> Any:
    state = BrandState.empty(FoldConfig())
    state.fold(decode_batch(items, brand, hashing=state.hashing), NOW_MS)
    return json.loads(state.summary(brand, NOW_MS, 0, 0))


def main() -> None:
    """Write the file of the present version, if there is none."""
    path = rules_file(RULES_VERSION)
    with path.open("x", encoding="utf-8") as file:
        json.dump(told(), file, indent=1, ensure_ascii=False, sort_keys=True)
        file.write("\n")


if __name__ == "__main__":
    main()
