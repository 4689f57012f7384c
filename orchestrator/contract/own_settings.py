"""Settings of one brand: those of the rules that one brand may have otherwise than the processes that fold it.

Owns which they are, their bounds, and how people write them. They stand in the brand's ``meta.settings``, beside the
settings of the process that committed last (:mod:`orchestrator.contract.fingerprint`), and every process folds the
brand with them. What is read is foreign: a name that this version does not know is an error, since to ignore it would
be to fold with another value than the brand's. Pure.

Source: ``docs/decisions/0099-settings-of-one-brand.md``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from orchestrator.errors import OwnSettingError

Number = int | float


class Bounds(NamedTuple):
    """What a setting may be.

    Attributes:
        least: the smallest value.
        most: the largest one.
        whole: whether it is a whole number.
    """

    least: Number
    most: Number
    whole: bool

    def __str__(self) -> str:
        return f"{'a whole number' if self.whole else 'a number'} from {self.least:.12g} to {self.most:.12g}"


_DAY_S: Final = 86_400

OWN: Final[Mapping[str, Bounds]] = {
    "SUMMARY_WINDOW_SEC": Bounds(900, 7 * _DAY_S, whole=True),
    "MAX_STORIES": Bounds(1, 1_000_000, whole=True),
    "MERGE_SIMILARITY_THRESHOLD": Bounds(0, 1, whole=False),
    "LABEL_SIMILARITY_THRESHOLD": Bounds(0, 1, whole=False),
}
"""Every setting that a brand may have of its own, with the bounds of the setting itself."""

NONE: Final[Mapping[str, Number]] = {}
"""Of a brand that has none of its own."""


def check(own: Mapping[str, object]) -> dict[str, Number]:
    """*own* with its numbers, in the order of :data:`OWN`.

    Raises:
        OwnSettingError: a brand cannot have such a setting of its own, or not with this value.
    """
    for name in own:
        _bounds(name)
    return {name: _value(name, own[name]) for name in OWN if name in own}


def parse(text: str) -> tuple[str, Number | None]:
    """What ``NAME=VALUE`` says; ``NAME=`` takes the brand's own value away, which is None.

    Raises:
        OwnSettingError: it is none, with what would be right.
    """
    name, equals, told = text.partition("=")
    name = name.strip().upper()
    if not equals:
        raise OwnSettingError(f"{text!r} is no setting: write NAME=VALUE, or NAME= to go back to the processes' value")
    bounds = _bounds(name)
    if not (told := told.strip()):
        return name, None
    try:
        value: Number = int(told) if bounds.whole else float(told)
    except ValueError:
        raise _wrong(name, told) from None
    return name, _value(name, value)


def changed(own: Mapping[str, Number], changes: Iterable[tuple[str, Number | None]]) -> dict[str, Number]:
    """*own* after *changes*, of which each sets a value or (None) takes it away; the last one of a name counts.

    Raises:
        OwnSettingError: as :func:`check`.
    """
    wanted: dict[str, Number | None] = {**own, **dict(changes)}
    for name in wanted:
        _bounds(name)
    return check({name: value for name, value in wanted.items() if value is not None})


def told(own: Mapping[str, Number]) -> str:
    """*own* for people: ``MERGE_SIMILARITY_THRESHOLD=0.8, MAX_STORIES=9``; empty if there are none."""
    return ", ".join(f"{name}={value:.12g}" for name, value in own.items())


def _bounds(name: str) -> Bounds:
    bounds = OWN.get(name)
    if bounds is None:
        raise OwnSettingError(f"a brand cannot have a {name[:64]!r} of its own, but {', '.join(OWN)}")
    return bounds


def _value(name: str, value: object) -> Number:
    bounds = OWN[name]
    if isinstance(value, bool) or not isinstance(value, int if bounds.whole else int | float):
        raise _wrong(name, value)
    if not (math.isfinite(value) and bounds.least <= value <= bounds.most):
        raise _wrong(name, value)
    return value


def _wrong(name: str, value: object) -> OwnSettingError:
    return OwnSettingError(f"{name} must be {OWN[name]}, and is {str(value)[:40]!r}")
