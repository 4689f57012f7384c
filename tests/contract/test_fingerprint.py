"""The rule for settings that differ: same, taken over, or history would be lost."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.fingerprint import (
    MAX_BYTES,
    MEANING,
    NO_CHANGE,
    UNKNOWN,
    Fingerprint,
    Kind,
    Verdict,
    compare,
    reconcile,
)
from orchestrator.errors import SettingsRefusedError, UnreadableSettingsError

USUAL = {
    "SUMMARY_WINDOW_SEC": 86_400,
    "MAX_STORIES": 5_000,
    "MERGE_SIMILARITY_THRESHOLD": 0.75,
    "LABEL_SIMILARITY_THRESHOLD": 0.175,
    "RULES_VERSION": 1,
}
SAME, TAKE_OVER, WOULD_LOSE = Verdict.SAME, Verdict.TAKE_OVER, Verdict.WOULD_LOSE

TABLE = [
    ("SUMMARY_WINDOW_SEC", 85_500, WOULD_LOSE),
    ("SUMMARY_WINDOW_SEC", 87_300, TAKE_OVER),
    ("MAX_STORIES", 4_999, WOULD_LOSE),
    ("MAX_STORIES", 5_001, TAKE_OVER),
    ("MERGE_SIMILARITY_THRESHOLD", 0.7, TAKE_OVER),
    ("MERGE_SIMILARITY_THRESHOLD", 0.8, TAKE_OVER),
    ("LABEL_SIMILARITY_THRESHOLD", 0.1, TAKE_OVER),
    ("LABEL_SIMILARITY_THRESHOLD", 0.2, TAKE_OVER),
    ("RULES_VERSION", 0, TAKE_OVER),
    ("RULES_VERSION", 2, TAKE_OVER),
]


def usual(**changes: float) -> Fingerprint:
    """The usual settings but for *changes*."""
    return Fingerprint(USUAL | changes)


def as_stored(fingerprint: Fingerprint) -> bytes:
    """How it stands in Redis."""
    return fingerprint.text().encode()


def test_the_table_has_every_setting_in_both_directions() -> None:
    """A new one needs rows here, too."""
    assert {name for name, _, _ in TABLE} == set(MEANING) == set(USUAL)
    assert {(name, value > USUAL[name]) for name, value, _ in TABLE} == {
        (n, up) for n in MEANING for up in (True, False)
    }


@pytest.mark.parametrize(("name", "value", "verdict"), TABLE)
def test_compare_tells_what_a_change_would_do(name: str, value: float, verdict: Verdict) -> None:
    """Less of a bound would throw history away; everything else is taken over. Both values are told."""
    comparison = compare(usual(), usual(**{name: value}))
    assert comparison.verdict is verdict
    assert str(comparison) == f"{name} {USUAL[name]:.12g} → {value:.12g}"
    assert bool(comparison.losses) is (verdict is WOULD_LOSE)


def test_compare_of_equal_settings_is_no_change() -> None:
    """Numbers are compared as numbers."""
    assert compare(usual(), usual()) == NO_CHANGE
    assert NO_CHANGE.verdict is SAME
    assert compare(Fingerprint({"MAX_STORIES": 5}), Fingerprint({"MAX_STORIES": 5.0})).verdict is SAME


def test_compare_names_losses_apart_from_what_is_taken_over() -> None:
    """One loss is enough for a refusal, and the message names that one alone."""
    comparison = compare(usual(), usual(MAX_STORIES=9, MERGE_SIMILARITY_THRESHOLD=0.5, SUMMARY_WINDOW_SEC=90_000))
    assert comparison.verdict is WOULD_LOSE
    assert [loss.name for loss in comparison.losses] == ["MAX_STORIES"]
    assert len(comparison.differences) == 3


@pytest.mark.parametrize("name", MEANING)
def test_compare_takes_over_what_the_state_does_not_say(name: str) -> None:
    """A state of an older version, or of before there was such a setting, loses nothing that anybody promised."""
    stored = Fingerprint({key: value for key, value in USUAL.items() if key != name})
    assert compare(stored, usual(**{name: 0})).verdict is TAKE_OVER
    assert compare(UNKNOWN, usual(**{name: 0})).verdict is TAKE_OVER


settings = st.fixed_dictionaries(
    {
        name: st.integers(0, 10**6) if kind is Kind.BOUND else st.floats(0, 1, allow_nan=False)
        for name, kind in MEANING.items()
    }
).map(Fingerprint)


@given(settings, settings)
def test_going_there_and_back_loses_once_at_most_if_one_bound_differs(one: Fingerprint, other: Fingerprint) -> None:
    """Of two settings that differ in a bound, one direction loses and the other does not, bound by bound."""
    there, back = compare(one, other), compare(other, one)
    lost = {loss.name for loss in there.losses}, {loss.name for loss in back.losses}
    assert lost[0] & lost[1] == set()
    bounds = {name for name, kind in MEANING.items() if kind is Kind.BOUND and one.values[name] != other.values[name]}
    assert lost[0] | lost[1] == bounds


@given(settings)
def test_a_fingerprint_is_read_as_it_was_written(fingerprint: Fingerprint) -> None:
    """Text and back; names are there for people to read."""
    text = fingerprint.text()
    assert Fingerprint.read(text.encode()) == fingerprint
    assert all(f'"{name}":' in text for name in MEANING)


def test_a_fingerprint_leaves_out_what_it_does_not_know() -> None:
    """A newer version may have more settings."""
    assert Fingerprint.read(b'{"MAX_STORIES":3,"MORE":{"x":1}}') == Fingerprint({"MAX_STORIES": 3})


UNREADABLE = [
    b"",
    b"x",
    b"[1]",
    b"7",
    b"\xff",
    b'{"MAX_STORIES":"3"}',
    b'{"MAX_STORIES":-1}',
    b'{"MAX_STORIES":true}',
    b'{"MAX_STORIES":null}',
    b'{"MAX_STORIES":1e999}',
    b'{"MAX_STORIES":1' + b"0" * 400 + b"}",
    b'{"MAX_STORIES":[[' + b"[" * 9_999,
    b'{"MORE":"' + b"x" * MAX_BYTES + b'"}',
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_a_fingerprint_of_somebody_else_is_refused(text: bytes) -> None:
    """What stands in Redis is untrusted: no other error, however it is damaged."""
    with pytest.raises(ValueError, match="fingerprint"):
        Fingerprint.read(text)


@given(st.binary(max_size=200))
def test_reading_never_fails_otherwise(text: bytes) -> None:
    """Any bytes are a fingerprint or none."""
    try:
        assert set(Fingerprint.read(text).values) <= set(MEANING)
    except ValueError:
        return


def test_reconcile_refuses_a_loss_and_names_both_values() -> None:
    """Somebody reads this in an alarm at night."""
    with pytest.raises(SettingsRefusedError) as caught:
        reconcile("a b", as_stored(usual()), b"", usual(SUMMARY_WINDOW_SEC=900, MAX_STORIES=1), adopt=False)
    text = str(caught.value)
    assert "'a b'" in text
    assert "SUMMARY_WINDOW_SEC is 900 here and 86400 there, MAX_STORIES is 1 here and 5000 there" in text


def test_reconcile_lets_history_go_that_somebody_adopted() -> None:
    """The yes of an operator for these settings, or one for every brand at the start."""
    mine = usual(MAX_STORIES=1)
    for adopted, adopt in ((as_stored(mine), False), (b"", True)):
        comparison = reconcile("nike", as_stored(usual()), adopted, mine, adopt=adopt).taken_over
        assert comparison.verdict is WOULD_LOSE


@pytest.mark.parametrize(
    "adopted",
    [
        as_stored(usual(MAX_STORIES=2)),
        as_stored(usual(MAX_STORIES=1, MERGE_SIMILARITY_THRESHOLD=0.5)),
        b'{"MAX_STORIES":1}',
        *UNREADABLE,
    ],
)
def test_reconcile_takes_a_yes_for_the_settings_that_it_was_said_for_only(adopted: bytes) -> None:
    """A colleague who adopted one window did not agree to every other one."""
    with pytest.raises(SettingsRefusedError):
        reconcile("nike", as_stored(usual()), adopted, usual(MAX_STORIES=1), adopt=False)


@pytest.mark.parametrize("stored", UNREADABLE)
def test_reconcile_parks_what_cannot_be_read_until_somebody_adopts(stored: bytes) -> None:
    """Damage may hide a larger window."""
    with pytest.raises(UnreadableSettingsError, match=r"meta\.settings"):
        reconcile("nike", stored, b"", usual(), adopt=False)
    assert reconcile("nike", stored, as_stored(usual()), usual(), adopt=False).taken_over.verdict is TAKE_OVER
    assert reconcile("nike", stored, b"", usual(), adopt=True).taken_over.verdict is TAKE_OVER


@pytest.mark.parametrize(("name", "value", "verdict"), [row for row in TABLE if row[2] is TAKE_OVER])
def test_reconcile_takes_over_without_asking(name: str, value: float, verdict: Verdict) -> None:
    """A normal restart with a new threshold, or a larger window, just works."""
    assert reconcile("nike", as_stored(usual()), b"", usual(**{name: value}), adopt=False).taken_over.verdict is verdict


OWN = {"MERGE_SIMILARITY_THRESHOLD": 0.9, "MAX_STORIES": 9_000}


def test_a_brands_own_settings_stand_beside_those_of_the_process() -> None:
    """Both come back, and the brand's count; in one order, so that equal ones are equal texts."""
    mine = usual().owning(OWN)
    assert Fingerprint.read(as_stored(mine)) == mine
    assert mine.effective == USUAL | OWN
    assert usual().effective == USUAL
    assert mine.text() == usual().owning(dict(reversed(OWN.items()))).text()
    assert mine.owning({}).text() == usual().text()


def test_versions_without_settings_of_brands_take_the_text_for_none() -> None:
    """They want one object of numbers: what they cannot read they park, instead of folding it with their own value."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(as_stored(usual().owning(OWN)), type=dict[str, object])


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"[{}]",
        b"[{},{},{}]",
        b'[{},{"MAX_STORIES":0}]',
        b'[{},{"MAX_STORIES":true}]',
        b'[{},{"MERGE_SIMILARITY_THRESHOLD":1e400}]',
        b'[{},{"OF_A_NEWER_VERSION":1}]',
        b'[{"MAX_STORIES":"many"},{}]',
        b"[" * 5_000,
    ],
)
def test_own_settings_that_cannot_be_are_no_fingerprint(text: bytes) -> None:
    """One that is not known is no exception: to pass it over would be to fold with another value."""
    with pytest.raises(ValueError, match="fingerprint"):
        Fingerprint.read(text)
    with pytest.raises(UnreadableSettingsError, match=r"brand 'nike': meta.settings"):
        reconcile("nike", text, b"", usual(), adopt=False)


def test_reconcile_goes_on_with_what_is_the_brands_own() -> None:
    """Processes may have other settings: only what is theirs is taken over, refused, or adopted."""
    stored = as_stored(usual().owning(OWN))
    same = reconcile("nike", stored, b"", usual(), adopt=False)
    assert (same.settings, same.taken_over.verdict) == (usual().owning(OWN), SAME)
    other = reconcile("nike", stored, b"", usual(LABEL_SIMILARITY_THRESHOLD=0.5, MAX_STORIES=1), adopt=False)
    assert (str(other.taken_over), other.settings.own) == ("LABEL_SIMILARITY_THRESHOLD 0.175 → 0.5", OWN)
    narrow = usual(SUMMARY_WINDOW_SEC=900)
    with pytest.raises(SettingsRefusedError, match="SUMMARY_WINDOW_SEC is 900 here"):
        reconcile("nike", stored, b"", narrow, adopt=False)
    adopted = reconcile("nike", stored, as_stored(narrow), narrow, adopt=False)
    assert (adopted.taken_over.verdict, adopted.settings.own) == (WOULD_LOSE, OWN)
    assert reconcile("nike", b"damage", b"", usual(), adopt=True).settings == usual()


def test_compare_of_another_own_setting_tells_both_values() -> None:
    """Where *mine* has some: one that puts another state in place asks what would be lost. Else they stay."""
    assert compare(usual().owning(OWN), usual()) == NO_CHANGE
    less = usual().owning({"MAX_STORIES": 100})
    assert str(compare(usual().owning(OWN), less)).startswith("MAX_STORIES 9000 → 100")
    assert compare(usual().owning(OWN), less).verdict is WOULD_LOSE
