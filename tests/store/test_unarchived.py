"""What waits for the archive is summed up over all brands, and said in a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from orchestrator.contract.consumed import Waiting
from orchestrator.store import unarchived as module
from orchestrator.store.consumed import Consumed
from orchestrator.store.unarchived import Unarchived, unarchived

NOW_MS = 1_764_288_000_000
NOTHING = Waiting(0, 0, 0, 0, 0, "")


def told(monkeypatch: pytest.MonkeyPatch, waiting: dict[str, Waiting], brands: Sequence[str] = ()) -> Unarchived:
    """What is made of that, of each brand of which 3 MB may wait."""

    def look(_: object, asked: Sequence[str]) -> dict[str, Waiting]:
        assert len(asked) <= 2
        return {brand: waiting[brand] for brand in asked if brand in waiting}

    monkeypatch.setattr(Consumed, "waiting", look)
    monkeypatch.setattr(Consumed, "__init__", lambda *_: None)
    monkeypatch.setattr(module, "MAX_SWEEP", 2)
    client: Any = None
    return unarchived(client, brands or list(waiting), 3_000_000)


def test_nothing_that_waits_is_nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """And it has no age, whatever the time."""
    found = told(monkeypatch, {"a": NOTHING, "b": NOTHING, "c": NOTHING})
    assert found == Unarchived(most=[])
    assert (found.said(NOW_MS), found.age_s(NOW_MS)) == ("", 0.0)


def test_what_waits_of_many_brands_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """How much, since when, of whom most, who is full, and what the archive will never have."""
    waiting = {f"b{n}": Waiting(n * 1_000_000, NOW_MS - n * 1_000, n, 0, 0, "") for n in range(1, 4)}
    waiting |= {name: Waiting(1_000_000, NOW_MS, 1, 0, 0, "") for name in ("y", "x", "z")}
    waiting |= {"forgot": NOTHING._replace(skipped=1_200), "gap": NOTHING._replace(gaps=2, gap="c9")}
    waiting["a gap"] = NOTHING._replace(gaps=1, gap="c3")
    found = told(monkeypatch, waiting, [*waiting, "away"])
    assert (found.bytes, found.brands, found.full, found.away) == (9_000_000, 6, 1, 1)
    assert (found.oldest_ms, found.skipped, found.gaps) == (NOW_MS - 3_000, 1_200, 3)
    assert found.said(NOW_MS) == (
        "9.0 MB of 6 brands wait, the oldest for 3 s; most: 'b3' 3.0 MB, 'b2' 2.0 MB, 'b1' 1.0 MB, 'x' 1.0 MB,"
        " 'y' 1.0 MB; 1 at ARCHIVE_OUTBOX_MB; 1,200 records skipped; 3 gaps, one of 'a gap' before commit 'c3';"
        " 1 brands not counted, their node of the cluster is away"
    )


def test_what_waits_has_an_age_though_clocks_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above 0, which is for nothing; of one brand it is said so."""
    found = told(monkeypatch, {"a": Waiting(100_000, NOW_MS + 5_000, 1, 0, 0, "")})
    assert 0 < found.age_s(NOW_MS) < 1
    assert found.said(NOW_MS) == "0.1 MB of 1 brand wait, the oldest for 0 s; most: 'a' 0.1 MB"
