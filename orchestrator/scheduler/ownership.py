"""Which live process is the first for which brand: rendezvous hashing, pure.

Every process gives every brand a score, and the one with the highest is the brand's first, the next one its second, and
so on. All that know the same processes agree without asking each other. When a process joins or leaves, only the brands
move for which it is or was the first: one in *n*. A process that is strained goes last for all brands.

It decides who hurries, and nothing else: whose brand it is for a while is decided by the lease. A wrong view of who
lives costs a delay, or an acquire that finds the brand busy.

Source: Thaler and Ravishankar, "A Name-Based Mapping Scheme for Rendezvous", 1996; scores by the finalizer of
SplitMix64 (Steele, Lea and Flood, 2014). ``docs/decisions/0066-a-first-process-for-each-brand.md``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MASK: Final = (1 << 64) - 1
_FIRST: Final = 0xBF58476D1CE4E5B9
_SECOND: Final = 0x94D049BB133111EB


def hashed(name: str) -> int:
    """64 bits of *name*, the same in every process."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


def registry_name(keys: Iterable[str]) -> str:
    """Stands for the *keys* that brands are registered under: who reads others works on other brands."""
    return hashlib.blake2b("\n".join(sorted(keys)).encode(), digest_size=8).hexdigest()


def score(brand: int, process: int) -> int:
    """How much the hash of a *brand* wants the *process* of that hash; evenly spread over 64 bits."""
    mixed = brand ^ process
    mixed = ((mixed ^ (mixed >> 30)) * _FIRST) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * _SECOND) & _MASK
    return mixed ^ (mixed >> 31)


def _scores(brands: NDArray[np.uint64], process: int) -> NDArray[np.uint64]:
    """:func:`score` of many brands at once; shape: as *brands*."""
    mixed = brands ^ np.uint64(process)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(_FIRST)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(_SECOND)
    found: NDArray[np.uint64] = mixed ^ (mixed >> np.uint64(31))
    return found


class Ownership:
    """Who is the first for which brand, among the processes that share the work.

    Attributes:
        view: stands for the processes that share the work: figures of different views must not be added.

    Args:
        name: of this process.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._brands: dict[str, int] = {}
        self._processes: Mapping[str, int] = {}
        self._strained: Collection[str] = ()
        self.view = ""
        self.share(())

    @property
    def alone(self) -> bool:
        """Whether nobody else shares the work."""
        return list(self._processes) == [self._name]

    def register(self, brands: Iterable[str]) -> None:
        """These are the brands, and no others."""
        self._brands = {brand: self._brands.get(brand) or hashed(brand) for brand in brands}

    def share(self, others: Iterable[str], strained: Collection[str] = (), *, with_us: bool = True) -> bool:
        """From now on *others* share the work; True if others do than before.

        Args:
            others: names of processes.
            strained: names of processes that go last; who is first by the hash alone does not depend on it.
            with_us: whether this process takes part; where there are no others it does.
        """
        self._strained = frozenset(strained)
        names = sorted({*others, self._name} if with_us else {*others}) or [self._name]
        if names == list(self._processes):
            return False
        self._processes = {name: hashed(name) for name in names}
        self.view = hashlib.blake2b("\n".join(names).encode(), digest_size=8).hexdigest()
        return True

    def own(self) -> set[str]:
        """The brands whose first by the hash alone, however busy anybody is, is this process."""
        if self.alone:
            return set(self._brands)
        if self._name not in self._processes:
            return set()
        brands = np.fromiter(self._brands.values(), dtype=np.uint64, count=len(self._brands))
        mine = _scores(brands, self._processes[self._name])
        first = np.ones(len(brands), dtype=np.bool_)
        for name, process in self._processes.items():
            if name != self._name:
                theirs = _scores(brands, process)
                # Names are sorted, so that of two with the same score the same one is first for everybody.
                first &= mine >= theirs if self._name < name else mine > theirs
        return {brand for brand, is_mine in zip(self._brands, first.tolist(), strict=True) if is_mine}

    def rank(self, brand: str) -> int:
        """How many processes come before this one for *brand*, the strained ones last."""
        order = self.order(brand)
        return order.index(self._name) if self._name in self._processes else len(order)

    def order(self, brand: str) -> Sequence[str]:
        """The processes in the order in which they are to look after *brand*."""
        if self.alone:
            return (self._name,)
        hash_ = self._brands.get(brand) or hashed(brand)
        return sorted(
            self._processes,
            key=lambda name: (name in self._strained, -score(hash_, self._processes[name]), name),
        )
