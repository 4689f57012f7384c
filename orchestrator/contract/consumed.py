"""What a commit leaves for the archive beside the payloads that it took: the head of its record, as it lies in Redis.

Owns the form of a head. A record is one commit; its payloads are moved inside Redis and lie in a list of their own, in
the queue's order, so a head says how many of them are its own and what became of each. Fates are written as runs
(``512f3d`` is 512 that were folded, then three duplicates), because nearly every commit folds all that it takes.

What is read back is anybody's: bounded, typed, and never taken for more than it says. Pure. Source:
``docs/redis-protocol.md``, section 15.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain, groupby, repeat
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from orchestrator.errors import ArchiveError, NewerRecordError

FORMAT: Final = 1
"""Of heads. A reader takes its own format and older ones; fields that it does not know say nothing."""

MAX_ITEMS: Final = 1_000_000
"""That one commit takes."""

MAX_HEAD_BYTES: Final = 64 << 20
"""Of one head: a commit of nothing but dead letters, each refused for a reason of its own."""

RECORD_BYTES: Final = 200
"""What a record takes in Redis beside its head and its payloads, about: the key of these."""

_CID: Final = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_CID_OF: Final = re.compile(rb'"cid":"([A-Za-z0-9-]+)"')  # as Lua finds it, which knows no numbers of characters
_MAX_CID: Final = 64
_SIZE_OF: Final = re.compile(rb'"size":([0-9]{1,15})[,}]')
_RUN: Final = re.compile(r"([0-9]{1,7})([fdcx])", re.ASCII)
_MAX_TIME: Final = 10**15


class Fate(StrEnum):
    """What became of an item."""

    FOLDED = "folded"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    DEAD_LETTER = "dead_letter"


_LETTERS: Final = {Fate.FOLDED: "f", Fate.DUPLICATE: "d", Fate.CONFLICT: "c", Fate.DEAD_LETTER: "x"}
_FATES: Final = {letter: fate for fate, letter in _LETTERS.items()}


@dataclass(frozen=True, slots=True)
class Head:
    """One commit, without the payloads that it took.

    Attributes:
        cid: id of the commit.
        previous: id of the commit that it stands on, empty for a brand's first.
        epoch: of its lease.
        version: commits so far, this one included.
        now_ms: with which the batch was folded, Unix ms of Redis.
        clock_ms: of the state after the fold.
        summary_ms: as of when the commit's summary is; 0 = it carried none.
        settings: of the rules, by name, the rules' version among them.
        items: how many payloads it took.
        size: bytes of these.
        fates: what became of them, as runs; empty: all were folded.
        letters: why those that became dead letters did, by their place: reason and path.
        replaces: whether the commit put another state in place, so that the one before says nothing of the one after.
    """

    cid: str
    previous: str
    epoch: int
    version: int
    now_ms: int
    clock_ms: int
    summary_ms: int
    settings: Mapping[str, int | float]
    items: int = 0
    size: int = 0
    fates: str = ""
    letters: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    replaces: bool = False

    def each(self) -> Iterator[tuple[Fate, str, str]]:
        """Of each item, in the queue's order: fate, and of a dead letter reason and path."""
        for place, fate in enumerate(read_runs(self.fates, self.items)):
            yield fate, *(self.letters.get(place, ("", "")) if fate is Fate.DEAD_LETTER else ("", ""))


class Kept(NamedTuple):
    """A record that waits for the archive.

    Attributes:
        head: all that it says.
        payloads: as workers pushed them, in the queue's order.
        size: bytes that it takes in Redis.
    """

    head: Head
    payloads: Sequence[bytes]
    size: int


@dataclass(frozen=True, slots=True)
class Note:
    """A range of records that is about to be put into the archive, or is there already.

    Attributes:
        first: cid of the first one.
        last: cid of the last one.
        records: how many.
        entries: items in them.
        bytes: that they take in Redis.
    """

    first: str
    last: str
    records: int
    entries: int
    bytes: int


class Held(NamedTuple):
    """The right to put a brand's records.

    Attributes:
        note: what somebody noted and did not come to the end of.
    """

    note: Note | None


class Waiting(NamedTuple):
    """What waits of a brand.

    Attributes:
        bytes: that it takes in Redis.
        oldest_ms: time of the oldest record, Unix ms; 0: nothing waits.
        records: how many.
        skipped: commits so far that left no record, because as much waited as may, or whose record was lost.
        gaps: records so far that do not stand on the one before: somebody committed without.
        gap: cid of the newest of those.
    """

    bytes: int
    oldest_ms: int
    records: int
    skipped: int
    gaps: int
    gap: str

    @property
    def there(self) -> bool:
        """Whether anything waits: each of the two may be lost without the other one."""
        return bool(self.bytes or self.records)


def cid_of(data: bytes) -> str:
    """The id in a head as a script finds it, whatever else *data* is; empty: there is none."""
    found = _CID_OF.search(data)
    return "" if found is None or len(found[1]) > _MAX_CID else found[1].decode()


def size_of(data: bytes) -> int:
    """What the record of the head *data* takes in Redis, as its commit counted it."""
    found = _SIZE_OF.search(data)
    return len(data) + RECORD_BYTES + (0 if found is None else int(found[1]))


def note_of(kept: Sequence[Kept]) -> Note:
    """What is to be noted of *kept*, one record at least."""
    entries, size = sum(len(one.payloads) for one in kept), sum(one.size for one in kept)
    return Note(kept[0].head.cid, kept[-1].head.cid, len(kept), entries, size)


def encode_note(note: Note) -> bytes:
    """*note* as it stands in Redis."""
    return _encode_note(note)


def decode_note(data: bytes) -> Note | None:
    """What *data* says; None if it is no note."""
    try:
        note = _decode_note(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    sound = _CID.fullmatch(note.first) and _CID.fullmatch(note.last) and note.records > 0
    return note if sound and min(note.entries, note.bytes) >= 0 else None


class _Told(Struct, rename="camel", omit_defaults=True):
    # Scripts find the time and the cid by their names, so both come before any text of others.
    record: int
    now_ms: int
    cid: str
    previous: str
    items: int
    size: int
    epoch: int
    version: int
    clock_ms: int
    summary_ms: int
    settings: Mapping[str, int | float]
    fates: str = ""
    letters: Sequence[tuple[str, str, Sequence[int]]] = ()
    replaces: bool = False


class _Read(_Told, rename="camel"):
    settings: dict[str, int | float]
    letters: list[tuple[str, str, list[int]]] = []


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Read).decode
_encode_note = msgspec.json.Encoder().encode
_decode_note = msgspec.json.Decoder(Note).decode


def encode(head: Head) -> bytes:
    """*head* as it lies in Redis."""
    told = _Told(
        record=FORMAT,
        now_ms=head.now_ms,
        cid=head.cid,
        previous=head.previous,
        items=head.items,
        size=head.size,
        epoch=head.epoch,
        version=head.version,
        clock_ms=head.clock_ms,
        summary_ms=head.summary_ms,
        settings=head.settings,
        fates=head.fates,
        letters=_grouped(head.letters) if head.letters else (),
        replaces=head.replaces,
    )
    return _encode(told)


def decode(data: bytes) -> Head:
    """What *data* says.

    Raises:
        ArchiveError: it is no head.
        NewerRecordError: it is one of a newer format.
    """
    if len(data) > MAX_HEAD_BYTES:
        raise ArchiveError(f"{len(data)} bytes are no head of a record")
    try:
        told = _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ArchiveError(f"this is no head of a record: {error}") from None
    if told.record > FORMAT:
        raise NewerRecordError(
            f"a record of format {told.record} waits for the archive, and this version knows {FORMAT}"
        )
    times = (told.now_ms, told.clock_ms, told.summary_ms, told.epoch, told.version, told.size)
    sound = 0 <= min(times) <= max(times) < _MAX_TIME and 0 <= told.items <= MAX_ITEMS
    if told.record < 1 or not sound:
        raise ArchiveError("a head of a record has a number that no commit has")
    if not _CID.fullmatch(told.cid) or not (told.previous == "" or _CID.fullmatch(told.previous)):
        raise ArchiveError("a head of a record has an id that no commit has")
    letters = {place: (reason, path) for reason, path, places in told.letters for place in places}
    head = Head(
        cid=told.cid,
        previous=told.previous,
        epoch=told.epoch,
        version=told.version,
        now_ms=told.now_ms,
        clock_ms=told.clock_ms,
        summary_ms=told.summary_ms,
        settings=told.settings,
        items=told.items,
        size=told.size,
        fates=told.fates,
        letters=letters,
        replaces=told.replaces,
    )
    for _ in read_runs(head.fates, head.items):
        pass
    return head


def runs(fates: Sequence[Fate]) -> str:
    """*fates* as runs, for :attr:`Head.fates`."""
    if all(fate is Fate.FOLDED for fate in fates):
        return ""
    return "".join([f"{len(list(members))}{_LETTERS[fate]}" for fate, members in groupby(fates)])


def read_runs(text: str, items: int) -> Iterator[Fate]:
    """The fates of *items* that :func:`runs` wrote.

    Raises:
        ArchiveError: it wrote no such thing.
    """
    if not text:
        return repeat(Fate.FOLDED, items)
    found = [(int(count), _FATES[letter]) for count, letter in _RUN.findall(text)]
    whole = sum(len(f"{count}") + 1 for count, _ in found) == len(text)
    if not whole or sum(count for count, _ in found) != items:
        raise ArchiveError(f"a head of a record does not say what became of its {items} items")
    return chain.from_iterable(repeat(fate, count) for count, fate in found)


def _plain(text: str) -> str:
    """*text*, half characters escaped: they are in no JSON."""
    return text.encode(errors="backslashreplace").decode()


def _grouped(letters: Mapping[int, tuple[str, str]]) -> list[tuple[str, str, list[int]]]:
    """Places by reason and path: a worker's defect is the same in all of them."""
    found: dict[tuple[str, str], list[int]] = {}
    for place, (reason, path) in letters.items():
        found.setdefault((_plain(reason), _plain(path)), []).append(place)
    return [(*why, places) for why, places in found.items()]
