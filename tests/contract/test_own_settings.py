"""What one brand may have of its own: bounded, typed, told in plain words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.fingerprint import MEANING, RULES_NAME
from orchestrator.contract.own_settings import OWN, changed, check, parse, told
from orchestrator.errors import OwnSettingError
from orchestrator.settings import Settings

VALUES = st.fixed_dictionaries(
    {},
    optional={
        name: st.integers(int(bounds.least), int(bounds.most)) if bounds.whole else st.floats(0, 1)
        for name, bounds in OWN.items()
    },
)


def test_every_setting_of_the_rules_may_be_a_brands_own() -> None:
    """But the version of the rules, which is nobody's choice."""
    assert list(OWN) == [name for name in MEANING if name != RULES_NAME]


@pytest.mark.parametrize("name", OWN)
def test_bounds_are_those_of_the_setting(name: str) -> None:
    """What the processes may be given a brand may be given, and nothing else."""
    limits = {type(limit).__name__: limit for limit in Settings.model_fields[name.lower()].metadata}
    assert (limits["Ge"].ge, limits["Le"].le) == (OWN[name].least, OWN[name].most)
    assert (Settings.model_fields[name.lower()].annotation is int) is OWN[name].whole


@given(VALUES)
def test_what_is_written_is_read(own: dict[str, Any]) -> None:
    """As an operator writes it and as it is told, in one order whatever the order in which it came."""
    assert check(dict(reversed(own.items()))) == own
    assert list(check(dict(reversed(own.items())))) == [name for name in OWN if name in own]
    assert changed({}, [parse(f"{name.lower()} = {value!r}") for name, value in own.items()]) == own
    assert changed(own, [parse(f"{name}=") for name in own]) == {}
    assert all(f"{name}=" in told(own) for name in own)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_STORIES", 0),
        ("MAX_STORIES", 1_000_001),
        ("MAX_STORIES", 5.0),
        ("MAX_STORIES", True),
        ("SUMMARY_WINDOW_SEC", 899),
        ("SUMMARY_WINDOW_SEC", "900"),
        ("MERGE_SIMILARITY_THRESHOLD", 1.01),
        ("MERGE_SIMILARITY_THRESHOLD", -0.1),
        ("MERGE_SIMILARITY_THRESHOLD", float("nan")),
        ("LABEL_SIMILARITY_THRESHOLD", float("inf")),
        ("LABEL_SIMILARITY_THRESHOLD", None),
    ],
)
def test_value_that_cannot_be_is_refused(name: str, value: object) -> None:
    """With its name, what would be right, and what it is."""
    with pytest.raises(OwnSettingError, match=rf"{name} must be a (whole )?number from .* to .*, and is '"):
        check({name: value})


@pytest.mark.parametrize("name", ["RULES_VERSION", "CONCURRENCY_LIMIT", "MORE", ""])
def test_other_settings_are_nobodys_own(name: str) -> None:
    """Neither read nor written, nor taken away: a name that is not known must not be passed over."""
    for refused in (lambda: check({name: 1}), lambda: parse(f"{name}=1"), lambda: changed({}, [(name, None)])):
        with pytest.raises(OwnSettingError, match="of its own, but SUMMARY_WINDOW_SEC"):
            refused()


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("MAX_STORIES", "write NAME=VALUE, or NAME= to"),
        ("MAX_STORIES=many", "a whole number from 1 to 1000000, and is 'many'"),
        ("MAX_STORIES=0.5", "a whole number from"),
        ("MERGE_SIMILARITY_THRESHOLD=0,8", "a number from 0 to 1, and is '0,8'"),
        ("MERGE_SIMILARITY_THRESHOLD=nan", "a number from 0 to 1, and is 'nan'"),
    ],
)
def test_operator_is_told_what_would_be_right(text: str, match: str) -> None:
    """Whatever is wrong with what was written."""
    with pytest.raises(OwnSettingError, match=match):
        parse(text)
