"""What each route has to do with the alerts of an outbox, and which of them nobody waits for any more."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.alerts.plan import Fate, Item, items_of, pending, strays, wanted_by
from orchestrator.alerts.quiet import Quiet
from orchestrator.alerts.routes import EXPIRY_MS, Address, Route
from orchestrator.contract.outbox import Box
from tests.alerts.support import alert
from tests.alerts.test_quiet import NIGHT, ms

NOW_MS = 1_772_366_400_000
URL = Address("https://hooks.example/")
PLAIN = Route("plain", URL)
HOURLY = Route("hourly", URL, digest_ms=3_600_000)


def item(number: int, at_ms: int = NOW_MS, brand: str = "nike") -> Item:
    """An alert that was committed at that time."""
    entry = alert(number=number, brand=brand).entry(at_ms)
    return Item(entry.encode(), entry)


def numbers(found: list[Item]) -> list[int]:
    """Which alerts these are."""
    return [one.entry.number for one in found if one.entry is not None]


def test_what_is_marked_or_not_wanted_is_not_pending() -> None:
    """Nor what is no entry."""
    one, two = item(1), item(2)
    assert one.entry is not None
    found = pending(PLAIN, [one, two, Item(b"x", None)], {PLAIN.mark(one.entry.id)}, NOW_MS)
    assert numbers([each for each, _ in found.alone]) == [2]
    assert pending(Route("other", URL, brands=("puma",)), [one, two], set(), NOW_MS).due == ()


def test_what_is_too_old_is_settled_and_not_told() -> None:
    """Once its time is over, not before."""
    fates = [
        pending(PLAIN, [item(1)], set(), NOW_MS + late_ms).alone[0][1] for late_ms in (0, EXPIRY_MS, EXPIRY_MS + 1)
    ]
    assert fates == [Fate.ALONE, Fate.ALONE, Fate.EXPIRED]


def test_what_is_dropped_is_settled_and_waits_for_nobody() -> None:
    """It would be counted as late, where nothing is."""
    night_ms = ms("2026-03-01T23:00:00+00:00")
    found = pending(Route("night", URL, quiet=Quiet((NIGHT,)), quiet_then="drop"), [item(1, night_ms)], set(), night_ms)
    assert ([fate for _, fate in found.alone], found.due) == ([Fate.DROPPED], ())


def test_what_came_after_quiet_hours_waits_for_what_came_in_them() -> None:
    """Until that was told, a closing of the morning would overtake its opening of the night."""
    night_ms, morning_ms = ms("2026-03-01T23:00:00+00:00"), ms("2026-03-02T07:00:01+00:00")
    items = [item(1, night_ms), item(2, morning_ms)]
    found = pending(Route("night", URL, quiet=Quiet((NIGHT,))), items, set(), morning_ms)
    assert (found.alone, numbers(list(found.together)), len(found.due)) == ([], [1], 2)


def test_a_digest_waits_for_its_time() -> None:
    """And names it; then all that are due are told together."""
    hour_ms = NOW_MS // 3_600_000 * 3_600_000
    items = [item(1, hour_ms + 1), item(2, hour_ms + 2), item(3, hour_ms + 3_600_001)]
    before = pending(HOURLY, items[:2], set(), hour_ms + 3)
    assert (before.kept, before.due, before.together, before.next_ms) == (2, (), [], hour_ms + 3_600_000)
    after = pending(HOURLY, items, set(), hour_ms + 3_600_002)
    assert (numbers(list(after.together)), after.kept, after.oldest_ms) == ([1, 2], 1, hour_ms + 3_600_000)
    assert (len(after.due), after.alone) == (2, [])


HOUR_MS = 3_600_000
ages = st.lists(st.integers(0, 10 * HOUR_MS), min_size=1, max_size=8).map(lambda found: sorted(found, reverse=True))


@given(ages, st.sampled_from([PLAIN, HOURLY]))
def test_nothing_overtakes_what_is_told_otherwise(found_ms: list[int], route: Route) -> None:
    """Of one brand, whatever is told first is the beginning of what there is, and everything is counted."""
    items = [item(number, NOW_MS - age_ms) for number, age_ms in enumerate(found_ms)]
    found = pending(route, items, set(), NOW_MS)
    alone, together = numbers([one for one, _ in found.alone]), numbers(list(found.together))
    assert alone == [] or together == []
    first = alone or together
    assert first == list(range(len(first)))
    assert len(found.due) + found.kept == len(items)


def test_an_alert_has_a_mark_of_each_route_that_wants_it() -> None:
    """And a mark without an alert is a stray."""
    one = item(1)
    assert one.entry is not None
    routes = [PLAIN, HOURLY, Route("pumas", URL, brands=("puma",))]
    wanted = wanted_by(routes, one.entry)
    assert wanted == {f"plain:{one.entry.id}", f"hourly:{one.entry.id}"}
    assert strays([one, Item(b"x", None)], wanted | {"plain:gone", "odd"}) == {"plain:gone", "odd"}


def test_items_are_read_once() -> None:
    """What is no entry has none."""
    raw = alert().entry(NOW_MS).encode()
    odd, good = items_of(Box((b"x", raw)))
    assert (odd.entry, odd.raw) == (None, b"x")
    assert good.entry == msgspec.json.decode(raw, type=type(good.entry))
