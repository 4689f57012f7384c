"""What is to become of which letters, and which letters these are when somebody looks.

The letters that are meant are known by their bytes before the first one moves. So a letter that fails again meanwhile
is not sent again and again, and whatever moves in the list, each is found or somebody else has taken it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from orchestrator.contract.keys import queue_key, worker_queue_key
from orchestrator.contract.letters import LetterError, Writer
from orchestrator.contract.set_value import SetError, set_values
from orchestrator.contract.times import iso_utc
from orchestrator.letters.reading import each
from orchestrator.letters.tally import Tally

if TYPE_CHECKING:
    import redis

    from orchestrator.contract.acts import Value
    from orchestrator.contract.letters import Letter, Selection
    from orchestrator.contract.set_value import Setting

MAX_REFUSALS: Final = 20
"""Letters that cannot be sent and are told one by one."""

_NAME_BYTES: Final = 16


class Action(StrEnum):
    """What is to become of letters."""

    RETRY = "retry"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants to become of letters.

    Attributes:
        selection: which ones; those of workers or of no known shape only if it names that writer.
        by: who wants it, for the marks.
        values: to be set in each payload that is sent.
        limit: at most so many of each brand, the oldest.
        rate: at most so many letters a second.
    """

    action: Action
    selection: Selection
    by: str
    values: tuple[Setting, ...] = ()
    limit: int | None = None
    rate: float | None = None

    @property
    def wanted(self) -> Selection:
        """The selection with a writer: ours, unless it names another."""
        return replace(self.selection, writer=self.selection.writer or Writer.ORCHESTRATOR)

    def queue(self, brand: str) -> str | None:
        """Where payloads of *brand* go; None: nowhere.

        What workers wrote holds a worker's input, and goes to the queue of that.
        """
        if self.action is Action.DROP:
            return None
        return worker_queue_key(brand) if self.wanted.writer is Writer.WORKER else queue_key(brand)

    def told(self) -> dict[str, Value]:
        """What the audit list says of it, beyond action, brand and number: what is None was not asked."""
        wanted = self.wanted
        return {
            "writer": str(wanted.writer),
            "reason": wanted.reason,
            "path": wanted.path,
            "since": None if wanted.since_ms is None else iso_utc(wanted.since_ms),
            "until": None if wanted.until_ms is None else iso_utc(wanted.until_ms),
            "grep": None if wanted.grep is None else wanted.grep.pattern,
            "index": wanted.index,
            "limit": self.limit,
            "set": " ".join(map(str, self.values)) or None,
        }

    def payload(self, letter: Letter) -> bytes:
        """What is sent for *letter*.

        Raises:
            LetterError, SetError: it cannot be sent so.
        """
        return set_values(letter.payload(), self.values)


@dataclass(slots=True)
class Plan:
    """Which letters of a brand are meant.

    Attributes:
        wanted: name of an entry -> how many of those bytes are to be moved.
        tally: the same letters by group.
        refused: letters that cannot be sent, in all; *told* has place and reason of the first ones.
    """

    brand: str
    wanted: Counter[bytes] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)
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

    def refuse(self, letter: Letter, why: str) -> None:
        """*letter* is meant and cannot be sent."""
        self.refused += 1
        if len(self.told) < MAX_REFUSALS:
            self.told.append((letter.index, why))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a plan: letters that were moved, and letters that somebody else had taken."""

    moved: int = 0
    gone: int = 0


def plan(client: redis.Redis, brand: str, order: Order) -> Plan:
    """Which letters of *brand* the *order* means, the oldest first; changes nothing.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    made, wanted = Plan(brand), order.wanted
    for letter in each(client, brand):
        if made.total == order.limit:
            break
        if not wanted.takes(letter):
            continue
        if order.action is Action.RETRY:
            try:
                order.payload(letter)
            except (LetterError, SetError) as error:
                made.refuse(letter, str(error))
                continue
        made.wanted[name_of(letter.raw)] += 1
        made.tally.add(brand, letter)
    return made


def name_of(raw: bytes) -> bytes:
    """A name for entries of these bytes."""
    return blake2b(raw, digest_size=_NAME_BYTES).digest()
