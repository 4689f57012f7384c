"""Which alerts are told: one opening per brand, kind and cooldown, and a closing only of what was told. Pure."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from orchestrator.contract.outbox import OutboxEntry

K = TypeVar("K")
T = TypeVar("T")

COOLDOWN_BRANDS: Final = 10_000


class Cooldown:
    """Remembers what was told and withheld by this process. Times are in seconds of any clock that does not go back."""

    def __init__(self, cooldown_s: float) -> None:
        self._cooldown_s = cooldown_s
        self._told: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()
        self._withheld: OrderedDict[tuple[str, str, int], None] = OrderedDict()  # several stories are open at a time

    def lets_pass(self, entry: OutboxEntry, now_s: float) -> bool:
        """Whether to tell *entry* at *now_s*; remembers the answer, and gives the same one again."""
        about, news = (entry.brand, entry.kind), entry.type.rpartition(".")[2]
        if news == "closed":
            # Quiet only if its opening was withheld here: another process may have told that of an unknown one.
            return (*about, entry.number) not in self._withheld
        if news != "opened":
            return True
        told_number, told_s = self._told.get(about, (entry.number, now_s))
        if told_number != entry.number and now_s - told_s < self._cooldown_s:
            _remember(self._withheld, (*about, entry.number), None)
            return False
        _remember(self._told, about, (entry.number, now_s))
        return True


def _remember(memory: OrderedDict[K, T], about: K, value: T) -> None:
    """Note *value* as the newest; beyond the bound the oldest is forgotten, at worst told too often."""
    memory[about] = value
    memory.move_to_end(about)
    if len(memory) > COOLDOWN_BRANDS:
        memory.popitem(last=False)
