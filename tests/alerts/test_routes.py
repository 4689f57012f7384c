"""Which alerts a route wants, and when it tells them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.alerts.quiet import Quiet, Span
from orchestrator.alerts.route_words import chooses
from orchestrator.alerts.routes import EXPIRY_MS, Address, Route, Timing
from orchestrator.contract.outbox import OutboxEntry
from tests.alerts.support import alert
from tests.alerts.test_quiet import ALL_DAYS, NIGHT, ms

URL = Address("https://hooks.example/secret")
HOUR_MS = 3_600_000
EVENING, MORNING = ms("2026-07-01T23:00:00+00:00"), ms("2026-07-02T07:00:00+00:00")
NOON = ms("2026-07-01T12:00:00+00:00")


def route(**fields: Any) -> Route:
    """A route with these fields."""
    return Route("desk", URL, **fields)


def entry(kind: str = "volume", brand: str = "nike", body: bytes | None = None) -> OutboxEntry:
    """News of a kind; its episode has a score of 52.4 and 400 mentions."""
    found = msgspec.structs.replace(alert(brand=brand).entry(NOON), kind=kind)
    return found if body is None else msgspec.structs.replace(found, body=msgspec.Raw(body))


@pytest.mark.parametrize("kind", ["volume", "mood", "story", "weather"])
def test_a_route_without_filters_wants_everything(kind: str) -> None:
    """Kinds of later versions included."""
    assert route().refusal(entry(kind)) == ""


def test_kinds_are_chosen_by_name() -> None:
    """One that is not known is not one of them."""
    mood = route(kinds=frozenset({"mood", "story"}))
    assert [bool(mood.refusal(entry(kind))) for kind in ("volume", "mood", "story", "weather")] == [
        True, False, False, True,
    ]  # fmt: skip
    assert mood.refusal(entry()) == "its kinds are mood, story"


@pytest.mark.parametrize(
    ("brands", "brand", "wanted"),
    [
        (("nike",), "nike", True),
        (("nike",), "nike air", False),
        (("nike*",), "nike air", True),
        (("nike*",), "Nike", False),  # brands are told apart by case, patterns too
        (("*",), "", True),
        (("a?c",), "abc", True),
        (("[a-c]*",), "bmw", True),
        (("[a-c]*",), "nike", False),
        (("[a-c]*",), "[a-c]*", True),  # a name is a name first
        (("adidas", "p*"), "puma", True),
        (("a*" * 100 + "b",), "a" * 250, False),
    ],
)
def test_brands_are_names_or_patterns(brands: tuple[str, ...], brand: str, wanted: bool) -> None:  # noqa: FBT001
    """One of them has to fit as a whole."""
    assert (route(brands=brands).refusal(entry(brand=brand)) == "") is wanted


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"min_score": 52.0}, ""),
        ({"min_score": 53.0}, "its score is 52.4, below min_score = 53"),
        ({"min_mentions": 400}, ""),
        ({"min_mentions": 401}, "it has 400 mentions, below min_mentions = 401"),
    ],
)
def test_small_episodes_can_be_left_out(fields: dict[str, Any], reason: str) -> None:
    """By score, or by mentions."""
    assert route(**fields).refusal(entry()) == reason


@pytest.mark.parametrize(
    "body",
    [
        *(b"{}", b"[]", b"1", b"[" * 5_000, b'{"data":null}'),
        *(b'{"data":{"episode":{}}}', b'{"data":{"episode":{"spikeScore":"x"}}}'),
    ],
)
def test_what_has_no_numbers_is_not_held_back_by_them(body: bytes) -> None:
    """An alert of a later version is told rather than lost."""
    assert route(min_score=99, min_mentions=10**9).refusal(entry(body=body)) == ""


def test_an_alert_is_told_at_once_by_itself() -> None:
    """Unless the route says otherwise; one from the future is news of now."""
    assert route().timing(NOON, NOON) == Timing(NOON)
    assert route().timing(2**53, NOON) == Timing(NOON)


def test_quiet_hours_keep_alerts_to_their_end_or_drop_them() -> None:
    """As the route says; a minute later they do neither."""
    quiet = Quiet((NIGHT,))
    assert route(quiet=quiet).timing(EVENING, EVENING) == Timing(MORNING, together=True)
    assert route(quiet=quiet, quiet_then="drop").timing(EVENING, EVENING) is None
    for then in ("digest", "drop"):
        assert route(quiet=quiet, quiet_then=then).timing(MORNING, MORNING) == Timing(MORNING)


@pytest.mark.parametrize("then", ["digest", "drop"])
def test_what_is_late_does_not_break_quiet_hours(then: Any) -> None:
    """An alert of the day that could not be told is told at their end, also where those of the night are dropped."""
    late = route(quiet=Quiet((NIGHT,)), quiet_then=then).timing(NOON, EVENING)
    assert late == Timing(MORNING, together=True)


def test_a_digest_is_told_at_the_end_of_its_window() -> None:
    """Of all alerts in it; what ends within quiet hours waits for their end."""
    hourly = route(digest_ms=HOUR_MS)
    assert hourly.timing(NOON, NOON) == Timing(NOON + HOUR_MS, together=True)
    assert hourly.timing(NOON + HOUR_MS - 1, NOON + HOUR_MS) == Timing(NOON + HOUR_MS, together=True)
    at_ms = ms("2026-07-01T21:30:00+00:00")
    assert route(digest_ms=HOUR_MS, quiet=Quiet((NIGHT,))).timing(at_ms, at_ms) == Timing(MORNING, together=True)


def test_hours_in_which_an_alert_may_not_be_told_do_not_age_it() -> None:
    """Six hours, from when it could be told first; and if they end at night, from the morning on."""
    assert route().expires_ms(NOON, NOON) == NOON + EXPIRY_MS
    nightly = route(quiet=Quiet((NIGHT,)))
    assert nightly.expires_ms(EVENING, EVENING) == MORNING + EXPIRY_MS
    dusk = ms("2026-07-01T18:00:00+00:00")
    assert nightly.expires_ms(dusk, dusk) == MORNING + EXPIRY_MS
    dropping = route(quiet=Quiet((NIGHT,)), quiet_then="drop")
    assert dropping.expires_ms(EVENING, EVENING) == MORNING + EXPIRY_MS


@given(
    at_ms=st.integers(NOON, NOON + 400 * 86_400_000),
    late_ms=st.integers(0, 86_400_000),
    digest_min=st.sampled_from([0, 1, 7, 60, 1440]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    begin=st.integers(0, 1439),
    length=st.integers(1, 1200),
)
def test_what_is_due_is_never_quiet_and_in_order(
    *, at_ms: int, late_ms: int, digest_min: int, zone: str, begin: int, length: int
) -> None:
    """Whatever the hours, the windows and the clocks: due when it may be told, before it expires, later ones later."""
    quiet = Quiet((Span(ALL_DAYS, begin, begin + length),), zone)
    one = route(quiet=quiet, digest_ms=digest_min * 60_000)
    now_ms = at_ms + late_ms
    timing, later = one.timing(at_ms, now_ms), one.timing(at_ms + 60_000, now_ms)
    assert timing is not None
    assert later is not None
    assert timing.due_ms >= at_ms
    assert later.due_ms >= timing.due_ms
    assert quiet.end_ms(max(timing.due_ms, now_ms)) is None
    assert one.expires_ms(at_ms, at_ms) >= timing.due_ms if late_ms < EXPIRY_MS else True
    assert timing.together or not (digest_min or quiet.end_ms(at_ms))


def test_addresses_are_shown_without_their_path(tmp_path: Path) -> None:
    """At several chats it is a password."""
    assert Address("https://user:pw@hooks.example:8443/T0/B0/XYZ?token=1").masked() == "https://hooks.example:8443/…"
    assert URL.masked() == "https://hooks.example/…"
    file = tmp_path / "url"
    assert Address(file=str(file)).masked() == f"(in {file})"


def test_an_address_in_a_file_is_read_anew(tmp_path: Path) -> None:
    """And what is no address is not quoted."""
    file = tmp_path / "url"
    address = Address(file=str(file))
    with pytest.raises(ValueError, match=r"url_file: the file .* cannot be read"):
        address.read()
    for url in ("https://one.example/a", "https://two.example/b"):
        file.write_text(f"{url}\n")
        assert address.read() == url
    file.write_text("hunter2")
    with pytest.raises(ValueError, match="url_file: it must look like") as caught:
        address.read()
    assert "hunter2" not in str(caught.value)


def test_a_route_is_put_into_words() -> None:
    """For lists and pages."""
    assert chooses(route()) == "every kind; every brand"
    full = route(
        kinds=frozenset({"mood", "story"}),
        brands=("a*", "b", "c", "d", "e", "f"),
        min_score=50.0,
        min_mentions=1_000,
        digest_ms=HOUR_MS,
        quiet=Quiet((NIGHT, Span(frozenset({5, 6}), 0, 1440)), "Europe/Berlin"),
    )
    assert chooses(full) == (
        "mood, story; brands a*, b, c, d, e, …; score from 50; mentions from 1,000; together every 60 min;"
        " quiet 22:00-07:00, sat sun 00:00-24:00 (Europe/Berlin), told together at the end"
    )
