"""What ``failed retry``, ``drop`` and ``edit`` do: first say which letters are meant, then move just those.

The letters that are meant are known by their bytes before the first one moves. So a letter that fails again meanwhile
is not sent again and again, and whatever moves in the list, each is found or somebody else has taken it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b

import redis

from orchestrator.contract.letters import Letter, LetterError, Selection
from orchestrator.contract.set_value import SetError
from orchestrator.store.letters import MAX_LETTERS, SLICE_BYTES, Sent, Walk, mend

Change = Callable[[Letter], bytes]
"""The payload to send for a letter; raises LetterError or SetError."""

_REFUSALS = 20  # that are remembered one by one


@dataclass(slots=True)
class Plan:
    """Which letters of a brand are meant.

    Attributes:
        wanted: digest of an entry -> how many of those bytes.
        groups: reason and path -> how many.
        refused: letters that cannot be sent, in all; *told* has place and reason of the first ones.
    """

    brand: str
    wanted: Counter[bytes] = field(default_factory=Counter)
    groups: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: int = 0
    told: list[tuple[int, str]] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many are to be moved."""
        return self.wanted.total()

    @property
    def meant(self) -> bool:
        """Whether any letter of the brand is meant, also one that cannot be sent."""
        return bool(self.wanted) or self.refused > 0


@dataclass(slots=True)
class Pace:
    """At most so many letters a second; None: as fast as it goes."""

    rate: float | None = None
    sleep: Callable[[float], None] = time.sleep

    @property
    def most(self) -> int:
        """Letters of one call."""
        return MAX_LETTERS if self.rate is None else max(1, min(MAX_LETTERS, int(self.rate)))

    def moved(self, letters: int) -> None:
        """Wait for what *letters* took too little time."""
        if self.rate is not None and letters:
            self.sleep(letters / self.rate)


def plan(client: redis.Redis, brand: str, selection: Selection, change: Change | None, limit: int | None) -> Plan:
    """Which letters of *brand* are meant, the oldest *limit* of them.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    made = Plan(brand)
    walk = Walk(client, brand)
    while raws := walk.read():
        for offset, raw in enumerate(raws):
            letter = Letter.read(walk.place + offset, raw)
            if made.total == limit:
                return made
            if not selection.takes(letter):
                continue
            try:
                if change is not None:
                    change(letter)
            except (LetterError, SetError) as error:
                made.refused += 1
                if len(made.told) < _REFUSALS:
                    made.told.append((letter.index, str(error)))
                continue
            made.wanted[_name(raw)] += 1
            made.groups[letter.group] += 1
        walk.place += len(raws)
    return made


def plan_of(brand: str, letter: Letter) -> Plan:
    """The plan to move *letter* alone."""
    return Plan(brand, Counter({_name(letter.raw): 1}))


class Mover:
    """Moves the letters of a plan.

    Attributes:
        moved: letters that Redis has confirmed.
    """

    def __init__(self, client: redis.Redis, *, who: str, queue: str | None, change: Change | None, pace: Pace) -> None:
        self.moved = 0
        self._client = client
        self._who = who
        self._queue = queue
        self._change = change
        self._pace = pace

    def carry_out(self, made: Plan) -> int:
        """Move what *made* names; returns how many of them somebody else has taken.

        Interrupted at any instant, each letter is where it was or where it should be; doing it again does the rest.

        Raises:
            StoreError: Redis did not answer or refused.
        """
        left = Counter(made.wanted)
        while left and self._pass(made.brand, left):
            pass
        return left.total()

    def _pass(self, brand: str, left: Counter[bytes]) -> bool:
        """Walk the list once; whether it did something, or somebody else did, so that another walk may find more."""
        walk = Walk(self._client, brand)
        lively = False
        while left and (raws := walk.read()):
            sent, seen = self._chosen(walk.place, raws, left)
            done = mend(self._client, brand, sent, who=self._who, queue=self._queue) if sent else []
            for letter, was in zip(sent, done, strict=True):
                lively = True
                if was:
                    left[_name(letter.raw)] -= 1
            left += Counter()  # drops what is zero
            self.moved += sum(done)
            walk.place += seen - sum(done)
            self._pace.moved(sum(done))
        return lively

    def _chosen(self, place: int, raws: list[bytes], left: Counter[bytes]) -> tuple[list[Sent], int]:
        """Letters of one call, and how many entries were looked at for it."""
        chosen: list[Sent] = []
        here: Counter[bytes] = Counter()
        size = 0
        for offset, raw in enumerate(raws):
            if len(chosen) == self._pace.most or size > SLICE_BYTES:
                return chosen, offset
            name = _name(raw)
            if here[name] < left[name]:
                here[name] += 1
                size += 2 * len(raw)
                chosen.append(self._letter(place + offset, raw))
        return chosen, len(raws)

    def _letter(self, index: int, raw: bytes) -> Sent:
        if self._change is None:
            return Sent(index, raw)
        letter = Letter.read(index, raw)
        return Sent(index, raw, letter.payload(), self._change(letter))


def _name(raw: bytes) -> bytes:
    return blake2b(raw, digest_size=16).digest()
