"""Random corruptions of single fields of real states: none may load and say anything else than before.

Knows nothing of how a state is protected. It changes what Redis holds, acquires and loads as an orchestrator does, and
compares all that the state says then: now, after the next batch, and a day later.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.decode import decode_batch
from orchestrator.contract.keys import BrandKeys
from orchestrator.errors import InvalidStateError
from orchestrator.store import Store
from tests.redis_server import RedisServer
from tests.write_states import Writer, histories

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import redis

    from tests.faults.campaign import Figures

DAY_MS: Final = 86_400_000
Fields = dict[bytes, bytes]


def _flip(rng: random.Random, value: bytes) -> bytes:
    place = rng.randrange(len(value))
    return value[:place] + bytes([value[place] ^ 1 << rng.randrange(8)]) + value[place + 1 :]


def _overwrite(rng: random.Random, value: bytes) -> bytes:
    place = rng.randrange(len(value))
    length = rng.randint(1, 8)
    return (value[:place] + rng.randbytes(length) + value[place + length :])[: len(value)]


def _zero(rng: random.Random, value: bytes) -> bytes:
    place = rng.randrange(len(value))
    stop = rng.randint(place + 1, len(value))
    return value[:place] + bytes(stop - place) + value[stop:]


def _cut(rng: random.Random, value: bytes) -> bytes:
    place = rng.randrange(len(value))
    return value[:place] + value[rng.randint(place + 1, len(value)) :]


def _cut_end(rng: random.Random, value: bytes) -> bytes:
    return value[: -rng.randint(1, min(8, len(value)))]


def _insert(rng: random.Random, value: bytes) -> bytes:
    place = rng.randint(0, len(value))
    return value[:place] + rng.randbytes(rng.randint(1, 8)) + value[place:]


CHANGES: Final[dict[str, Callable[[random.Random, bytes], bytes]]] = {
    "flip a bit": _flip,
    "overwrite": _overwrite,
    "zero": _zero,
    "cut": _cut,
    "cut the end": _cut_end,
    "insert": _insert,
    "empty": lambda _rng, _value: b"",
}
"""What happens to the value of one field."""


def _swap(rng: random.Random, fields: Fields) -> Fields:
    one, other = rng.sample(sorted(fields), 2)
    return fields | {one: fields[other], other: fields[one]}


def _copy(rng: random.Random, fields: Fields) -> Fields:
    one, other = rng.sample(sorted(fields), 2)
    return fields | {one: fields[other]}


def _neighbour(rng: random.Random, fields: Fields) -> tuple[bytes, bytes]:
    """A field, and the name that another one of its kind would have."""
    name = rng.choice(sorted(fields))
    prefix, colon, number = name.partition(b":")
    return name, prefix + colon + b"%d" % (int(number) + rng.choice([-1, 1, 4])) if colon else name + b"x"


def _rename(rng: random.Random, fields: Fields) -> Fields:
    name, other = _neighbour(rng, fields)
    rest = {known: value for known, value in fields.items() if known != name}
    return rest | {other: fields[name]}


def _double(rng: random.Random, fields: Fields) -> Fields:
    name, other = _neighbour(rng, fields)
    return fields | {other: fields[name]}


def _lose(rng: random.Random, fields: Fields) -> Fields:
    name = rng.choice(sorted(fields))
    return {known: value for known, value in fields.items() if known != name}


MOVES: Final[dict[str, Callable[[random.Random, Fields], Fields]]] = {
    "swap two": _swap,
    "copy over another": _copy,
    "rename": _rename,
    "double": _double,
    "lose": _lose,
}
"""What happens to whole fields."""


def corrupted(rng: random.Random, fields: Fields) -> tuple[str, Fields]:
    """*fields* with one thing changed, and what that was."""
    kind = rng.choice([*CHANGES, *MOVES])
    if kind in MOVES:
        return kind, MOVES[kind](rng, fields)
    name = rng.choice(sorted(fields))
    return f"{kind} of {name!r}", fields | {name: CHANGES[kind](rng, fields[name])}


@dataclass
class Patient:
    """One brand with a state of a real history, in a real Redis."""

    client: redis.Redis
    brand: str
    next_ms: int
    next_items: Sequence[bytes]

    def __post_init__(self) -> None:
        self._keys = BrandKeys.of(self.brand)
        self._store = Store(self.client)
        self.fields: Fields = self._read()

    def _read(self) -> Fields:
        fields: Any = self.client.hgetall(self._keys.state)
        return dict(fields)

    def write(self, found: Mapping[bytes, bytes], wanted: Mapping[bytes, bytes]) -> None:
        """Make the state hash, which holds *found*, hold *wanted*."""
        gone = [name for name in found if name not in wanted]
        changed = [(name, value) for name, value in wanted.items() if found.get(name) != value]
        if gone:
            self.client.hdel(self._keys.state, *gone)
        if changed:
            self.client.hset(self._keys.state, items=[part for pair in changed for part in pair])

    def told(self) -> list[bytes]:
        """What an orchestrator says after loading it: at once, after the next batch, and when most has left.

        Raises:
            InvalidStateError: it would be parked.
        """
        lease = self._store.acquire(self.brand, "token")
        try:
            state = BrandState.load(FoldConfig(), self._store.load_state(lease))
        finally:
            self._store.release(lease)
        said = [state.summary(self.brand, 0, 0, 0)]
        state.fold(decode_batch(list(self.next_items), self.brand, hashing=state.hashing), self.next_ms)
        said.append(state.summary(self.brand, self.next_ms, 0, 0))
        said.extend(state.take_changes().trend_put.values())
        return [*said, state.summary(self.brand, self.next_ms + DAY_MS, 0, 0)]


def corrupt_fields(folder: Path, *, seed: int, corruptions: int) -> Figures:  # noqa: ARG001 - as every campaign
    """So many corruptions, in turn of each kind of state that :mod:`tests.write_states` knows.

    Returns:
        how many of them were refused, and how many changed nothing that is said.
    """
    rng = random.Random(seed)  # noqa: S311 - reproducible
    fates: Counter[str] = Counter()
    with RedisServer() as server, server.client() as client:
        patients = []
        for _name, brand, history in histories(Path(__file__).parents[1] / "data"):
            Writer(server.url, brand).run(history)
            patients.append(Patient(client, brand, history[-1][0] + 60_000, history[-1][1]))
        healthy = [patient.told() for patient in patients]
        for number in range(corruptions):
            patient = patients[number % len(patients)]
            kind, fields = corrupted(rng, patient.fields)
            patient.write(patient.fields, fields)
            try:
                said = patient.told()
            except InvalidStateError:
                fates["refused"] += 1
            else:
                same = said == healthy[number % len(patients)]
                assert same, f"seed {seed}: {patient.brand} says something else after: {kind}"
                fates["harmless"] += 1
            patient.write(fields, patient.fields)
        assert [patient.told() for patient in patients] == healthy
    return {"corruptions": fates.total(), "refused": fates["refused"], "harmless": fates["harmless"], "other totals": 0}
