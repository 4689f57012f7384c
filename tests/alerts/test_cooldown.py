"""Which alerts are told: one opening per brand and time, and the closing of what was told."""

from __future__ import annotations

import msgspec
import pytest

from orchestrator.alerts import cooldown as cooldown_module
from orchestrator.alerts.cooldown import Cooldown
from orchestrator.alerts.message import Kind
from orchestrator.contract.outbox import OutboxEntry
from tests.alerts.support import AT_MS, alert


def entry(kind: Kind = "opened", number: int = 1, brand: str = "nike") -> OutboxEntry:
    """News about an episode."""
    return alert(kind, number, brand).entry(AT_MS)


def test_cooldown_tells_one_opening_per_brand_and_time() -> None:
    """A second opening within the time is withheld, for this brand only."""
    cooldown = Cooldown(900)
    answers = [
        cooldown.lets_pass(entry(number=1), 0),
        cooldown.lets_pass(entry(number=2), 899),
        cooldown.lets_pass(entry(brand="adidas"), 899),
        cooldown.lets_pass(entry(number=3), 900),
    ]
    assert answers == [True, False, True, True]


def test_cooldown_gives_the_same_answer_again() -> None:
    """An opening that could not be told yet is no second one."""
    cooldown = Cooldown(900)
    assert [cooldown.lets_pass(entry(), now_s) for now_s in (0, 10)] == [True, True]


def test_cooldown_tells_the_closing_of_what_was_told() -> None:
    """The end of a withheld episode is withheld; one that another process told is not."""
    cooldown = Cooldown(900)
    cooldown.lets_pass(entry(number=1), 0)
    cooldown.lets_pass(entry(number=2), 1)
    closings = [cooldown.lets_pass(entry("closed", number), 2) for number in (1, 2, 7)]
    assert closings == [True, False, True]


def test_cooldown_withholds_the_closings_of_all_that_it_withheld() -> None:
    """Several stories of a brand are open at the same time, and close in any order."""
    cooldown = Cooldown(900)
    opened = [cooldown.lets_pass(msgspec.structs.replace(entry(number=one), kind="story"), one) for one in (1, 2, 3)]
    closings = [msgspec.structs.replace(entry("closed", one), kind="story") for one in (2, 1, 3)]
    assert opened == [True, False, False]
    assert [cooldown.lets_pass(closing, 9) for closing in closings] == [False, True, False]


def test_cooldown_is_about_openings_alone() -> None:
    """Another kind of news, of a later version, always passes."""
    cooldown = Cooldown(900)
    others = [msgspec.structs.replace(entry(number=number), type="brand.quiet") for number in (1, 2)]
    assert [cooldown.lets_pass(other, 0) for other in others] == [True, True]


def test_cooldown_forgets_the_oldest_brand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its memory is bounded."""
    monkeypatch.setattr(cooldown_module, "COOLDOWN_BRANDS", 2)
    cooldown = Cooldown(900)
    for brand in ("a", "b", "c"):
        cooldown.lets_pass(entry(brand=brand), 0)
    assert [cooldown.lets_pass(entry(number=2, brand=brand), 1) for brand in ("c", "a")] == [False, True]
