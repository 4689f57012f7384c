"""The fingerprint of the settings that change what a brand's state means, and the rule when two of them differ.

Two processes with other settings on one brand would undo each other's work: the one with the smaller window drops what
the other one counts, for good. So a brand carries the settings of its last commit (``meta.settings``), each process
carries its own, and whoever takes the brand compares the two first. What throws nothing away is taken over. What would
throw history away is refused, until somebody says that this is meant.

Pure, and below both the rules and the store, which must not import each other. A fingerprint has the names of the
settings and their values, so that a person can read it. Where a brand has settings of its own
(:mod:`orchestrator.contract.own_settings`) it is a pair: those of the process, and those of the brand, which count.

Source: ``docs/decisions/0042-settings-have-a-fingerprint.md``, ``docs/decisions/0099-settings-of-one-brand.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, NamedTuple

import msgspec

from orchestrator.contract import own_settings
from orchestrator.contract.own_settings import Number
from orchestrator.errors import OwnSettingError, SettingsRefusedError, UnreadableSettingsError

MAX_BYTES: Final = 4_096
"""A longer text in Redis is no fingerprint of ours, which has some 150 bytes."""

MAX_VALUE: Final = 10**15
"""No setting may be larger, and every whole number up to it has its own float."""

RULES_NAME: Final = "RULES_VERSION"
RULES_VERSION: Final = 1
"""Raised when the rules count otherwise than before from the same chunks while the state's format stays."""


class Kind(Enum):
    """What a change of a setting does to what is stored."""

    BOUND = "bound"  # says how much is kept: less of it throws history away, more throws nothing away
    CHOICE = "choice"  # counts for what comes: any change leaves what is stored as it is


MEANING: Final[dict[str, Kind]] = {
    "SUMMARY_WINDOW_SEC": Kind.BOUND,
    "MAX_STORIES": Kind.BOUND,
    "MERGE_SIMILARITY_THRESHOLD": Kind.CHOICE,
    "LABEL_SIMILARITY_THRESHOLD": Kind.CHOICE,
    RULES_NAME: Kind.CHOICE,
}
"""Every setting that changes what a state means; ``tests/settings/test_fingerprint.py`` fails for a missing one."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Settings by name; those of another version may be more, or fewer.

    Attributes:
        values: of the process.
        own: of the brand, which count instead.
    """

    values: Mapping[str, Number]
    own: Mapping[str, Number] = field(default_factory=dict)

    @property
    def effective(self) -> Mapping[str, Number]:
        """What the brand is folded with."""
        return {**self.values, **self.own} if self.own else self.values

    def owning(self, own: Mapping[str, Number]) -> Fingerprint:
        """The same for a brand with the settings *own*."""
        return replace(self, own=own) if own != self.own else self

    def text(self) -> str:
        """As it stands in Redis: JSON, the names in the order of :data:`MEANING`.

        With settings of the brand's own it is an array of two objects. To versions that know none it is no fingerprint,
        and they leave the brand alone, instead of folding it with their own value.
        """
        values = _ordered(self.values)
        return _encode([values, _ordered(self.own)] if self.own else values).decode()

    @classmethod
    def read(cls, text: bytes) -> Fingerprint:
        """What *text* from Redis says; names that this version does not know are left out, but none of the brand's own.

        Raises:
            ValueError: it is no fingerprint.
        """
        if len(text) > MAX_BYTES:
            raise ValueError(f"{len(text)} bytes are no fingerprint of settings")
        try:
            values, own = _decode_pair(text) if text.startswith(b"[") else (_decode(text), {})
            return cls(_numbers(values), own_settings.check(own))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OwnSettingError) as error:
            raise ValueError(f"no fingerprint of settings: {error}") from None


def _ordered(values: Mapping[str, Number]) -> dict[str, Number]:
    return {name: values[name] for name in MEANING if name in values}


def _numbers(found: Mapping[str, object]) -> dict[str, Number]:
    known = {name: value for name, value in found.items() if name in MEANING}
    for name, value in known.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_VALUE:
            raise ValueError(f"no fingerprint of settings: {name} must be a number from 0 to {MAX_VALUE:.0e}")
    return {name: value for name, value in known.items() if isinstance(value, int | float)}


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(dict[str, object]).decode
_decode_pair = msgspec.json.Decoder(tuple[dict[str, object], dict[str, object]]).decode

UNKNOWN: Final = Fingerprint({})
"""Of a state that an older version wrote; also of a store that has no settings, for checks and tests."""


class Verdict(Enum):
    """What follows from a comparison."""

    SAME = "same"
    TAKE_OVER = "take over"
    WOULD_LOSE = "would lose"


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting that differs; ``stored`` is None if the state does not say."""

    name: str
    stored: Number | None
    mine: Number

    @property
    def loses(self) -> bool:
        """Whether going over to ``mine`` throws history away."""
        return MEANING[self.name] is Kind.BOUND and self.stored is not None and self.mine < self.stored

    def __str__(self) -> str:
        stored = "not told" if self.stored is None else f"{self.stored:.12g}"
        return f"{self.name} {stored} → {self.mine:.12g}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between the settings of a state and those of a process."""

    differences: tuple[Difference, ...]

    @property
    def losses(self) -> tuple[Difference, ...]:
        """The differences that would throw history away."""
        return tuple(difference for difference in self.differences if difference.loses)

    @property
    def verdict(self) -> Verdict:
        """What follows."""
        if self.losses:
            return Verdict.WOULD_LOSE
        return Verdict.TAKE_OVER if self.differences else Verdict.SAME

    def __str__(self) -> str:
        return ", ".join(map(str, self.differences))


NO_CHANGE: Final = Comparison(())
"""Of equal settings."""


class Reconciled(NamedTuple):
    """How a process may go on with a brand.

    Attributes:
        settings: of the process, with those of the brand.
        taken_over: what changes.
    """

    settings: Fingerprint
    taken_over: Comparison


def compare(stored: Fingerprint, mine: Fingerprint) -> Comparison:
    """What changes when a process with the settings *mine* works on a state of *stored*.

    What the brand has of its own stays its own, unless *mine* has others.
    """
    here = mine if mine.own else mine.owning(stored.own)
    return Comparison(tuple(_differences(stored.effective, here.effective)))


def _differences(stored: Mapping[str, Number], mine: Mapping[str, Number]) -> Iterator[Difference]:
    for name in MEANING:
        value, found = mine.get(name), stored.get(name)
        if value is not None and value != found:
            yield Difference(name, found, value)


def reconcile(brand: str, stored: bytes, adopted: bytes, mine: Fingerprint, *, adopt: bool) -> Reconciled:
    """What a process with the settings *mine* takes over with *brand*, if it may.

    Args:
        brand: for the message.
        stored: the settings of its last commit, as they stand in Redis.
        adopted: the settings to which somebody said yes for this brand, likewise; empty if nobody did.
        mine: those of the process; what the brand has of its own stays its own.
        adopt: whether the process was started with a yes for every brand.

    Raises:
        SettingsRefusedError: history would be thrown away, and nobody said yes to it.
        UnreadableSettingsError: the stored settings cannot be read, and nobody said yes to these.
    """
    may_lose = adopt or _agrees(adopted, mine)
    try:
        found = Fingerprint.read(stored)
    except ValueError as error:
        if not may_lose:
            raise UnreadableSettingsError(f"brand {brand!r}: meta.settings: {error}") from None
        found = UNKNOWN
    here = mine.owning(found.own)
    comparison = compare(found, here)
    if comparison.losses and not may_lose:
        raise SettingsRefusedError(refusal(brand, comparison))
    return Reconciled(here, comparison)


def refusal(brand: str, comparison: Comparison) -> str:
    """Why the settings of this process are refused for *brand*, with both values."""
    losses = comparison.losses
    values = ", ".join(f"{loss.name} is {loss.mine:.12g} here and {loss.stored:.12g} there" for loss in losses)
    return f"brand {brand!r}: its state was written with other settings, and these would throw history away: {values}"


def _agrees(adopted: bytes, mine: Fingerprint) -> bool:
    """Whether *adopted* is a yes to the settings *mine*: each value of them, and not one more or less."""
    try:
        return bool(adopted) and Fingerprint.read(adopted).values == mine.values
    except ValueError:
        return False
