"""Rows of the page of all brands, and sums over them; pure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.fleet.view import BrandStatus, FleetView, Standing
from orchestrator.http.movement import MINUS, NONE
from orchestrator.http.numbers import Numbers
from orchestrator.http.overview_view import UNREADABLE, row_of, seen, spark_of, strip_of
from orchestrator.http.span import last_hours
from tests.http.test_span import NOW


def numbers(
    mentions: int = 0, *, change: float | None = None, net: float | None = None, spiking: bool = False
) -> Numbers:
    """Numbers of a summary."""
    return Numbers(mentions, net, spiking, 0, "", "", None, change=change)


def test_a_row_has_dashes_for_what_is_not_known() -> None:
    """And no zeros."""
    row = row_of("nike", (True, numbers(5)), BrandStatus("nike", Standing.IDLE, queued=None, failed=0), None)
    assert (row.state, row.mentions, row.change, row.net, row.queued, row.dead) == ("ready", "5", NONE, NONE, NONE, "0")
    assert row_of("nike", UNREADABLE, None, None).state == "unreadable"
    assert row_of("nike", seen(None), None, None).state == "waiting"
    assert row_of("nike", seen(b"{"), None, None).mentions == NONE


def test_a_row_names_its_episodes() -> None:
    """A worker's flag is called a spike, too; so it always was."""
    flagged = numbers(1, spiking=True)
    assert row_of("a", (True, flagged), None, None).badges == ["Spike"]
    episodes = replace(flagged, episodes=("volume", "mood", "story"))
    assert row_of("a", (True, episodes), None, None).badges == ["Spike", "Mood", "Story"]
    parked = BrandStatus("a", Standing.PARKED)
    assert row_of("a", (True, flagged), parked, None).standing == "parked"


def test_bars_are_told_in_words() -> None:
    """Also if there is nothing to see."""
    assert spark_of(last_hours(24, NOW).points([None] * 24)).described == "no mentions in the last 24 hours"


@pytest.mark.parametrize(
    ("brands", "change", "net"),
    [
        ([], "nothing to compare with yet", NONE),
        ([numbers(5)], "nothing to compare with yet", NONE),
        ([numbers(0, change=0.0)], "nothing to compare with yet", NONE),
        ([numbers(5, change=-1.0)], "nothing to compare with yet", NONE),
        ([numbers(150, change=0.5, net=0.2), numbers(50, change=-0.5)], "±0 % against the window before", "+0.20"),
        ([numbers(300, change=2.0), numbers(9)], "+200 % against the window before, of 1 brand", NONE),
        (
            [numbers(300, net=-0.5), numbers(100, net=0.1), numbers(0, net=1.0)],
            "nothing to compare with yet",
            f"{MINUS}0.35",
        ),
    ],
)
def test_sums_are_of_what_is_known(brands: list[Numbers], change: str, net: str) -> None:
    """Brands are compared with themselves only, and weigh as much as they have mentions."""
    tiles = strip_of({str(place): each for place, each in enumerate(brands)}, FleetView(0))
    assert tiles[0].note == change
    assert tiles[3].text == net
    assert tiles[0].text == f"{sum(each.mentions for each in brands)}"


def test_sums_count_what_waits() -> None:
    """As the page of operators does."""
    fleet = FleetView(
        0, brands=[BrandStatus("a", Standing.WAITING, queued=7, failed=2), BrandStatus("b", Standing.IDLE)]
    )
    tiles = {tile.name: tile for tile in strip_of({"a": numbers(1, spiking=True)}, fleet)}
    assert (tiles["Waiting"].text, tiles["Waiting"].note) == ("7", "chunks of 1 brand")
    assert (tiles["Dead letters"].text, tiles["Dead letters"].urgent) == ("2", True)
    assert (tiles["Spiking"].text, tiles["Spiking"].filter) == ("1", "spiking")
