"""What was consumed and is not in the archive yet: what waits of each brand, the right to put it, and taking it out.

A commit leaves the head of its record in one list of the brand and its payloads in a list of its own. Whoever has the
right reads whole records from the oldest on, notes the range, puts it into the archive, and takes just that range out.
So the next one after a death knows what may be there already, and puts the same again. Synchronous and thread-safe.

What is read is untrusted. A record that is none, or whose payloads are gone, is taken out and counted as skipped: else
it would stand before all that follow. Nothing else is ever taken out that was not noted.

Source: ``docs/redis-protocol.md``, section 16.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import ResponseError

from orchestrator.contract.consumed import Held, Kept, Waiting, cid_of, decode, decode_note, encode_note, size_of
from orchestrator.errors import ArchiveError, NewerRecordError, StoreUnavailableError
from orchestrator.store import scripts
from orchestrator.store.client import checked
from orchestrator.store.codes import Code, check_reply
from orchestrator.store.layouts import layout_of
from orchestrator.store.runner import ScriptRunner, evalsha

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

    from orchestrator.contract.consumed import Head, Note
    from orchestrator.contract.keys import BrandKeys

MAX_SWEEP: Final = 512
"""Brands that one call looks at."""

MOST_HOLD_S: Final = 330.0
"""The longest hold: a clock that was set back would else keep records from the archive for as long."""

_PAGE: Final = 256
_FIELDS: Final = ("bytes", "since", "skipped", "gaps", "gap")
_WORD: Final = re.compile(rb"[A-Za-z0-9-]{1,64}")
_DIGITS: Final = 15


class Consumed:
    """What waits for the archive. Every method raises :class:`~orchestrator.errors.StoreError` without an answer."""

    def __init__(self, client: redis.Redis) -> None:
        self._runner = ScriptRunner(client)
        self._keys = layout_of(client).keys

    def waiting(self, brands: Sequence[str]) -> dict[str, Waiting]:
        """What waits of each of *brands* (at most :data:`MAX_SWEEP`), but for those whose node of a cluster is away.

        A key of a foreign type has nothing that waits: the lane parks the brand for it.
        """
        keys = {brand: self._keys(brand) for brand in brands[:MAX_SWEEP]}
        commands = [
            command for own in keys.values() for command in (("HMGET", own.archiving, *_FIELDS), ("LLEN", own.records))
        ]
        replies = self._runner.run(commands) if commands else []
        told = zip(keys, replies[::2], replies[1::2], strict=True)
        # One node that is away must not keep what waits at all the others from the archive.
        return {
            brand: _waiting(_unless_foreign(fields), _unless_foreign(length))
            for brand, fields, length in told
            if not any(isinstance(reply, StoreUnavailableError) for reply in (fields, length))
        }

    def take(self, brand: str, token: str, hold_s: float) -> Held | None:
        """The right to put what waits of *brand* for *hold_s*, and what is noted; None while somebody else has it.

        After an unanswered call the right may be held for that time without a use.

        Raises:
            WrongTypeError: one of the keys has a foreign type.
        """
        note = self._hold(brand, token, hold_s)
        return None if note is None else Held(decode_note(note))

    def hold(self, brand: str, token: str, hold_s: float) -> bool:
        """Keep the right for *hold_s* from now; False if it is lost."""
        return self._hold(brand, token, hold_s, had=True) is not None

    def leave(self, brand: str, token: str) -> None:
        """Give the right back; does nothing if it was lost."""
        self._hold(brand, token, 0, had=True)

    def read(self, brand: str, token: str, max_bytes: int, note: Note | None = None) -> list[Kept]:
        """The oldest records of *brand*, whole, no more bytes than that, but one at least if there is one.

        Args:
            brand: whose.
            token: of who has the right. A record that cannot be read is taken out with it, and counted as skipped.
            max_bytes: that they may take.
            note: read just this range instead; nothing if that is not what waits.

        Raises:
            NewerRecordError: the oldest one was left by a newer version.
        """
        keys = self._keys(brand)
        if note is not None:
            found = self._kept(keys, self._noted(keys, note))
            return found if len(found) == note.records else []
        while chosen := self._heads(keys, max_bytes):
            if found := self._kept(keys, chosen):
                return found
            if not self._skip(keys, token):
                break
        return []

    def note(self, brand: str, token: str, note: Note) -> bool:
        """Note which records are put next; False if the right is lost, or they are not what waits."""
        keys = self._keys(brand)
        told = (token, encode_note(note), note.first, note.last, note.records)
        return self._ask(scripts.NOTE, keys, scripts.NOTE.keys(keys), *told) is not None

    def remove(self, brand: str, token: str, note: Note) -> bool:
        """Take out what was noted, and the note; False if that is done already, or something else is noted.

        Safe to repeat, and also without the right: what was put was put. The *token* is not looked at.
        """
        del token
        keys = self._keys(brand)
        heads = checked(self._runner.run([("LRANGE", keys.records, 0, note.records - 1)])[0])
        return self._remove(keys, heads, encode_note(note), lost=False, token="")

    def _hold(self, brand: str, token: str, hold_s: float, *, had: bool = False) -> bytes | None:
        """What is noted; None: it is not ours."""
        keys = self._keys(brand)
        times = (round(hold_s * 1000), int(had), round(MOST_HOLD_S * 1000))
        reply = self._ask(scripts.HOLD, keys, scripts.HOLD.keys(keys), token, *times)
        return None if reply is None else reply[1]

    def _heads(self, keys: BrandKeys, max_bytes: int) -> list[bytes]:
        """Those of the oldest records that take no more than *max_bytes* together, one at least."""
        chosen: list[bytes] = []
        left, more = max_bytes, True
        while more:
            page = checked(self._runner.run([("LRANGE", keys.records, len(chosen), len(chosen) + _PAGE - 1)])[0])
            for data in page:
                left -= size_of(data)
                if chosen and left < 0:
                    return chosen
                chosen.append(data)
            more = len(page) == _PAGE
        return chosen

    def _noted(self, keys: BrandKeys, note: Note) -> list[bytes]:
        heads: list[bytes] = checked(self._runner.run([("LRANGE", keys.records, 0, note.records - 1)])[0])
        ends = [cid_of(heads[0]), cid_of(heads[-1])] if len(heads) == note.records else []
        return heads if ends == [note.first, note.last] else []

    def _kept(self, keys: BrandKeys, chosen: Sequence[bytes]) -> list[Kept]:
        """Those of *chosen*, from the oldest on, that can be read.

        Raises:
            NewerRecordError: the oldest one is of a newer format.
        """
        heads: list[Head] = []
        for data in chosen:
            try:
                heads.append(decode(data))
            except NewerRecordError:
                if not heads:
                    raise
                break
            except ArchiveError:
                break
        commands = [("LRANGE", keys.consumed(head.cid), 0, -1) for head in heads if head.items]
        replies = iter(self._runner.run(commands) if commands else ())
        found: list[Kept] = []
        for data, head in zip(chosen, heads, strict=False):
            payloads = _unless_foreign(next(replies)) if head.items else []
            if not isinstance(payloads, list) or len(payloads) != head.items:
                break
            found.append(Kept(head, payloads, size_of(data)))
        return found

    def _skip(self, keys: BrandKeys, token: str) -> bool:
        """Take out the oldest record, which cannot be read."""
        heads = checked(self._runner.run([("LRANGE", keys.records, 0, 0)])[0])
        return self._remove(keys, heads, b"", lost=True, token=token)

    def _remove(self, keys: BrandKeys, heads: Sequence[bytes], note: bytes, *, lost: bool, token: str) -> bool:
        if not heads:
            return False
        cids = [cid_of(data) for data in heads]
        names = [*scripts.REMOVE.keys(keys), *(keys.consumed(cid) for cid in cids if cid)]
        ends = (cids[0], cids[-1], len(heads))
        told = (note, *ends, sum(map(size_of, heads)), int(lost), token)
        return self._ask(scripts.REMOVE, keys, names, *told) is not None

    def _ask(self, script: scripts.Script, keys: BrandKeys, names: Sequence[str], *told: Any) -> Any:
        """What *script* answers; None: it changed nothing, because something is not as the caller believes."""
        reply = checked(self._runner.run([evalsha(script, names, *told)])[0])
        if Code(reply[0].decode()) in {Code.BUSY, Code.FENCED, Code.STALE}:
            return None
        check_reply(script, keys, reply)
        return reply


def _unless_foreign(reply: Any) -> Any:
    """*reply*; None from a key of a foreign type."""
    if isinstance(reply, ResponseError) and str(reply).startswith("WRONGTYPE"):
        return None
    return checked(reply)


def _waiting(fields: list[bytes | None] | None, length: int | None) -> Waiting:
    size, since, skipped, gaps, gap = fields or [None] * len(_FIELDS)
    oldest_ms = _number(since) if length else 0
    return Waiting(_number(size), oldest_ms, length or 0, _number(skipped), _number(gaps), _text(gap))


def _number(text: bytes | None) -> int:
    return int(text) if text is not None and len(text) <= _DIGITS and text.isdigit() else 0


def _text(text: bytes | None) -> str:
    return "" if text is None or not _WORD.fullmatch(text) else text.decode()
