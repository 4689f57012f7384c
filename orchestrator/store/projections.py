"""Projections: what a commit left is shown to readers whose keys are in other slots, and what is owed to them is found.

Owns the commands and what their answers mean; which part of what is owed is in :mod:`orchestrator.lane.owed`, and when
it is shown in :mod:`orchestrator.lane.projector`. Everything is sent once: who asks goes on without an answer, and
tries again later. On one server nobody needs this. Source: ``docs/redis-protocol.md``, section 14.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from orchestrator.contract.keys import UPDATES_CHANNEL
from orchestrator.contract.layout import guard_key, moving_key
from orchestrator.errors import WrongTypeError
from orchestrator.store import scripts
from orchestrator.store.client import checked
from orchestrator.store.codes import Code
from orchestrator.store.runner import evalsha
from orchestrator.store.scripts import KEY_TYPES
from orchestrator.store.wire import bulk

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from orchestrator.contract.keys import BrandKeys
    from orchestrator.contract.layout import Layout
    from orchestrator.store.runner import ScriptRunner
    from orchestrator.store.types import Commit, Lease, StoreOptions
    from orchestrator.store.wire import Command

OWED_MS: Final = 1
"""``meta.due`` from a commit on until readers see what it left: whoever finds the brand free is to show it."""

MAX_LETTERS: Final = 256
"""Letters of one call."""

_SLICE: Final = 128
"""Brands that are verified in one round trip, with eight commands each."""


class Part(StrEnum):
    """What readers see of a brand, but for its dead letters; the value is the attribute of ``BrandKeys``."""

    SUMMARY = "summary"
    SPIKE = "spike"
    MOOD = "mood"
    STORIES = "stories"
    TREND = "trend"
    RECENT = "recent"


class Position(NamedTuple):
    """A commit, in the order in which readers may see commits."""

    epoch: int
    version: int


NOWHERE: Final = Position(0, 0)
"""Before every commit."""


class Shown(NamedTuple):
    """Which commit a part shows.

    Attributes:
        position: of the commit.
        at_ms: when it was peeked, server time; the part lives for its ttl from about then.
    """

    position: Position
    at_ms: int


@dataclass(frozen=True, slots=True)
class Projection:
    """One part as it is to be shown.

    Attributes:
        part: which.
        position: of the commit that it shows.
        values: the summary, or all entries, or fields and values in turn; or those that are added.
        removed: fields that go.
        base: what the change was made from; None: this is the whole.
        gone: there is nothing to be shown any more.
    """

    part: Part
    position: Position
    values: Sequence[bytes] = ()
    removed: Sequence[bytes] = ()
    base: Position | None = None
    gone: bool = False


class Answer(NamedTuple):
    """What became of a projection.

    Attributes:
        code: OK; OLD or BEHIND; TYPE; None: there was no answer.
        position: what is shown instead, with OLD and BEHIND.
        foreign: what has a foreign type, with TYPE.
    """

    code: Code | None
    position: Position = NOWHERE
    foreign: WrongTypeError | None = None


class Buried(NamedTuple):
    """What became of letters.

    Attributes:
        code: OK, FULL, TYPE; None: there was no answer.
        stamp: of the last one that is in the list.
        length: of the list.
        dropped: oldest letters that its cap pushed out.
        foreign: what has a foreign type, with TYPE.
    """

    code: Code | None
    stamp: bytes = b""
    length: int = 0
    dropped: int = 0
    foreign: WrongTypeError | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What readers are shown of a brand, and what they should be.

    Attributes:
        noted: what the brand's meta says of each part; None: no answer.
        guards: what each part says for itself; None: no answer.
        text: what meta says, as it stands there.
        moving: dead letters that are on their way into a queue, and may be nobody's.
    """

    noted: Mapping[Part, Shown] | None
    guards: Mapping[Part, Position | None]
    text: bytes = b""
    moving: int = 0

    @property
    def epoch(self) -> int:
        """The greatest epoch that readers may have seen; a new lease has to exceed it."""
        seen = [position.epoch for position in self.guards.values() if position is not None]
        return max(seen, default=0)

    def differs(self, now_ms: int, ttl_ms: Mapping[Part, int]) -> bool:
        """Whether a part shows another commit than it should, in either direction; one that has expired does not."""
        for part, position in self.guards.items():
            if position is None or self.noted is None:
                continue
            noted = self.noted.get(part)
            expired = position == NOWHERE and (noted is None or now_ms - noted.at_ms >= ttl_ms[part])
            if not expired and position != (NOWHERE if noted is None else noted.position):
                return True
        return False


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found where slots had moved.

    Attributes:
        owed: brands whose readers see another commit than they should: whoever claims them next shows it.
        held: the same, of brands that somebody holds, who has to be told to show all of it.
    """

    owed: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)


def stamps(lease: Lease, commit: Commit) -> list[bytes]:
    """The stamps of the dead letters of *commit*: their order as text is the order in which they became such."""
    return [b"%016d.%012d.%06d" % (lease.epoch, commit.version, index) for index in range(len(commit.failed))]


def inward(lease: Lease, commit: Commit) -> Commit:
    """*commit* as it goes into the slot of the queue: it owes all that readers see, and they hear of it later."""
    failed = [b"%b|%b" % pair for pair in zip(stamps(lease, commit), commit.failed, strict=True)]
    return replace(commit, summary=None, due_ms=OWED_MS, failed=failed)


def encode_shown(shown: Mapping[Part, Shown]) -> bytes:
    """``meta.shown``: each part with epoch, version and time."""
    return b" ".join(b"%b=%d.%d.%d" % (part.encode(), *one.position, one.at_ms) for part, one in sorted(shown.items()))


def decode_shown(text: bytes | None) -> dict[Part, Shown]:
    """The parts that ``meta.shown`` tells of; what is not as :func:`encode_shown` writes it is left out."""
    found = {}
    for entry in (text or b"").split()[: 2 * len(Part)]:
        name, _, numbers = entry.partition(b"=")
        told = [_number(number) for number in numbers.split(b".")]
        if name.decode("ascii", "replace") in set(Part) and len(told) == 3 and all(told):  # noqa: PLR2004
            epoch, version, at_ms = told
            found[Part(name.decode())] = Shown(Position(epoch, version), at_ms)
    return found


class Projections:
    """Shows what lies in the shadows of brands. No method raises because Redis does not answer.

    Args:
        runner: sends each pipeline once.
        layout: whose keys are spread.
        options: of the store.
    """

    def __init__(self, runner: ScriptRunner, layout: Layout, options: StoreOptions) -> None:
        self.options = options
        self.ttl_ms: Mapping[Part, int] = _ttls(options)
        self._runner = runner
        self._layout = layout

    def standing(self, brand: str) -> Standing:
        """What readers are shown of *brand*, and what its meta says that they are."""
        return _standing(self._runner.attempt(self._asking(brand)))

    def letters(self, brand: str, limit: int) -> list[tuple[bytes, bytes]] | None:
        """The oldest *limit* letters in the outbox of *brand*, each with its stamp; None: there was no answer.

        A key of a foreign type holds none.
        """
        outbox = self._layout.inner(brand).failed
        (reply,) = self._runner.attempt([("LRANGE", outbox, 0, limit - 1)])
        if isinstance(reply, Exception):
            return [] if str(reply).startswith("WRONGTYPE") else None
        # What somebody else put there has no stamp; it leaves with the next one that has, and is not ours to show.
        # Taken for one it could be after all of ours, which would then leave unburied.
        found = map(_STAMPED.fullmatch, reply)
        return [(match[1], match[2]) for match in found if match is not None]

    def shadows(self, brand: str, cid: str, parts: Collection[Part]) -> dict[Part, list[bytes]] | None:
        """All of *parts* as the commit *cid* left them; None: there was no answer, or somebody committed since."""
        keys = self._layout.inner(brand)
        named = ("HGET", keys.meta, "cid")
        asked = [part for part in parts if part is not Part.SUMMARY]
        reading: list[Command] = [
            ("HGETALL", keys.trend) if part is Part.TREND else ("LRANGE", getattr(keys, part), 0, -1) for part in asked
        ]
        before, *values, after = self._runner.attempt([named, *reading, named])
        if any(isinstance(reply, Exception) for reply in (before, *values, after)):
            return None
        if not before == after == cid.encode():
            return None
        return {part: _flat(found) for part, found in zip(asked, values, strict=True)}

    def show(
        self, lease: Lease, projections: Sequence[Projection], letters: Sequence[tuple[bytes, bytes]] = ()
    ) -> tuple[list[Answer], Buried | None]:
        """Show *projections*, and bury *letters*: all that is in other slots, at once."""
        keys = self._layout.keys(lease.brand)
        commands = [self._projecting(keys, each) for each in projections]
        if letters:
            commands.append(self._burying(keys, letters))
        if not commands:
            return [], None
        replies = self._runner.attempt(commands)
        answers = [
            _answer(reply, getattr(keys, one.part), KEY_TYPES[one.part])
            for one, reply in zip(projections, replies, strict=False)
        ]
        return answers, _buried(replies[-1], keys.failed) if letters else None

    def settle(self, lease: Lease, cid: str, due_ms: int, *, stamp: bytes, shown: bytes) -> tuple[Code | None, int]:
        """Note that readers see what *cid* left, and let the letters up to *stamp* go; None: there was no answer.

        Also says how many letters are left.
        """
        keys = self._layout.inner(lease.brand)
        arguments = (lease.token, cid, due_ms, stamp, shown)
        (reply,) = self._runner.attempt([evalsha(scripts.SETTLE, [keys.lock, keys.meta, keys.failed], *arguments)])
        if isinstance(reply, Exception):
            return None, 0
        code = Code(reply[0].decode())
        return code, reply[1] if code in {Code.OK, Code.STALE} else 0

    def verify(self, brands: Sequence[str]) -> Verified:
        """Have those of *brands* shown anew whose readers see another commit than they should.

        To be called where a server may have forgotten something, in either direction: one that readers ask, or the one
        with the state. Brands that give no answer are left out; it may be repeated.

        Raises:
            StoreError: nobody answered.
        """
        found = Verified()
        for start in range(0, len(brands), _SLICE):
            asked = brands[start : start + _SLICE]
            # The time of each brand's node: that of one alone may be away, and the others are to be looked at.
            each = [[*self._asking(brand), ("TIME",)] for brand in asked]
            replies = self._runner.attempt([command for commands in each for command in commands])
            width = len(each[0])
            times = replies[width - 1 :: width]
            seconds, microseconds = checked(next((time for time in times if not isinstance(time, Exception)), times[0]))
            now_ms = int(seconds) * 1000 + int(microseconds) // 1000
            standings = [_standing(replies[at : at + width - 1]) for at in range(0, len(replies), width)]
            pairs = zip(asked, standings, strict=True)
            wrong = {brand: one.text for brand, one in pairs if one.differs(now_ms, self.ttl_ms)}
            self._owe(wrong, found)
        return found

    def _owe(self, brands: Mapping[str, bytes], found: Verified) -> None:
        """Have each of *brands* shown anew, by what meta said of it."""
        names = [(self._layout.keys(brand), text) for brand, text in brands.items()]
        commands = [evalsha(scripts.OWE, [keys.lock, keys.meta], text) for keys, text in names]
        for brand, reply in zip(brands, self._runner.attempt(commands) if commands else [], strict=True):
            code = None if isinstance(reply, Exception) else Code(reply[0].decode())
            if code is Code.OK:
                found.owed.append(brand)
            elif code is Code.BUSY:
                found.held.append(brand)

    def _asking(self, brand: str) -> list[Command]:
        keys = self._layout.keys(brand)
        return [
            ("HGET", keys.meta, "shown"),
            ("LLEN", moving_key(keys.failed)),
            *(("HMGET", guard_key(getattr(keys, part)), "e", "v") for part in Part),
        ]

    def _projecting(self, keys: BrandKeys, one: Projection) -> Command:
        outward = getattr(keys, one.part)
        message = b""
        if one.part is Part.SUMMARY and not one.gone:
            message = _announcement(keys.brand, one.position)
        return evalsha(
            scripts.PROJECT,
            [outward, guard_key(outward)],
            *(_kind(one), *one.position, self.ttl_ms[one.part], *(one.base or NOWHERE)),
            *(self.options.recent_max if one.part is Part.RECENT else _ALL, UPDATES_CHANNEL, message),
            *(len(one.removed), bulk(one.removed), bulk(one.values)),
        )

    def _burying(self, keys: BrandKeys, letters: Sequence[tuple[bytes, bytes]]) -> Command:
        flat = [text for letter in letters for text in letter]
        bounds = (self.options.failed_max, self.options.failed_policy.value, _MARKS)
        return evalsha(scripts.BURY, [keys.failed, guard_key(keys.failed)], *bounds, bulk(flat))


_ALL: Final = 1_000_000
"""Entries of a list that has no cap here: its shadow has one."""

_MARKS: Final = 64
"""Leases of a brand whose last letters are known: so many may end without an answer to what settles them."""

_STAMPED: Final = re.compile(rb"(\d{16}\.\d{12}\.\d{6})\|(.*)", re.DOTALL)
"""A letter in the outbox: its stamp, as :func:`stamps` writes it, and the entry; settle.lua knows it, too."""

_MOST_DIGITS: Final = 15
_KINDS: Final = {Part.SUMMARY: "string", Part.TREND: "hash"}


def _ttls(options: StoreOptions) -> dict[Part, int]:
    seconds = dict.fromkeys(Part, options.spike_ttl_s)
    seconds |= {
        Part.SUMMARY: options.summary_ttl_s,
        Part.TREND: options.trend_ttl_s,
        Part.RECENT: options.recent_ttl_s,
    }
    return {part: ttl_s * 1000 for part, ttl_s in seconds.items()}


def _kind(one: Projection) -> str:
    if one.gone:
        return "none"
    if one.base is None:
        return _KINDS.get(one.part, "list")
    return "change" if one.part is Part.TREND else "append"


def _announcement(brand: str, position: Position) -> bytes:
    """The message for ``summary:updates``."""
    return msgspec.json.encode({"brand": brand, "epoch": position.epoch, "version": position.version})


def _standing(replies: Sequence[Any]) -> Standing:
    noted, moving, *guards = replies
    return Standing(
        # Without an answer nothing can be compared; a field of a foreign type notes nothing.
        None if isinstance(noted, Exception) else decode_shown(noted),
        {part: _position(reply) for part, reply in zip(Part, guards, strict=True)},
        noted if isinstance(noted, bytes) else b"",
        moving if isinstance(moving, int) else 0,
    )


def _position(reply: Any) -> Position | None:
    if isinstance(reply, Exception):
        return None
    epoch, version = map(_number, reply)
    return Position(epoch, version) if epoch and version else NOWHERE


def _number(text: bytes | None) -> int:
    return int(text) if text is not None and text.isdigit() and len(text) <= _MOST_DIGITS else 0


def _flat(found: Any) -> list[bytes]:
    """Entries of a list; fields and values in turn of a hash, in either protocol."""
    return [text for pair in found.items() for text in pair] if isinstance(found, dict) else found


def _answer(reply: Any, outward: str, kind: str) -> Answer:
    if isinstance(reply, Exception):
        return Answer(None)
    code, *rest = reply
    match Code(code.decode()):
        case Code.OK:
            return Answer(Code.OK)
        case Code.OLD | Code.BEHIND as known:
            return Answer(known, Position(*rest))
        case known:
            return Answer(known, foreign=_foreign(outward, kind, rest))


def _buried(reply: Any, failed: str) -> Buried:
    if isinstance(reply, Exception):
        return Buried(None)
    code, *rest = reply
    match Code(code.decode()):
        case Code.OK:
            return Buried(Code.OK, *rest)
        case Code.FULL:
            return Buried(Code.FULL, *rest)
        case known:
            return Buried(known, foreign=_foreign(failed, "list", rest))


def _foreign(outward: str, kind: str, told: Sequence[Any]) -> WrongTypeError:
    place, found = told
    key, kind = (outward, kind) if place == 1 else (guard_key(outward), "hash")
    return WrongTypeError(key, found.decode(), kind)
