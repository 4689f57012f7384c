"""Dead letters for those who mend them: walking a list in bounded slices, and moving letters out of it.

Takes no lease, and may be used by many at once, beside workers and orchestrators that append: each letter is moved by
the script ``mend`` in one step, or not at all. Synchronous. Source: ``docs/redis-protocol.md``, section 10.
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, cast

from orchestrator.contract.keys import BrandKeys, worker_queue_key
from orchestrator.contract.layout import absent_key, moved_key, moving_key
from orchestrator.errors import WrongTypeError
from orchestrator.store import scripts
from orchestrator.store.client import checked, translated
from orchestrator.store.codes import Code
from orchestrator.store.layouts import layout_of
from orchestrator.store.runner import ScriptRunner, evalsha

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

MARK_TTL_S: Final = 7 * 24 * 3_600
"""Marks of a brand live so long after the last letter that was sent again."""

MAX_MARKS: Final = 20_000
"""Marks of a brand; more begin anew."""

MAX_LETTERS: Final = 128
"""Letters of one call, and of one slice of a list."""

SLICE_BYTES: Final = 2**20
"""Bytes that a slice of a list is meant to have; one that holds a single entry may have more."""

_NONE_BYTES: Final = 16
_ABSENT: Final = BrandKeys.of("orchestrator probe").outbox
_MOVED_TTL_MS: Final = MARK_TTL_S * 1000
_MAX_MOVED: Final = 20_000
_FRAME: Final = re.compile(rb"([0-9a-f]{48}) ([qw])\|(.*)", re.DOTALL)
"""A letter on its way: its id, whether it goes to the queue or to that of workers, and the payload."""
_TYPES: Final = ("list", "list", "hash", "list")
_MAX_WHO_CHARS: Final = 128
_DIGEST_BYTES: Final = 12

# A time of fourteen digits lies before the year 5139. What is longer nobody of ours wrote, and no date can show it.
_MARK: Final = re.compile(rb"([0-9]{1,9}) ([0-9]{1,14}) (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Sent:
    """One letter to be moved.

    Attributes:
        index: its place in the list.
        raw: the entry.
        before: the payload that it holds.
        payload: what is sent.
    """

    index: int
    raw: bytes
    before: bytes = b""
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known of a payload that was sent again: how often, and when (Unix ms) and by whom last."""

    times: int
    at_ms: int
    who: str


class Walk:
    """Reads a brand's list from the oldest entry on, in slices that are bounded in number and in bytes."""

    def __init__(self, client: redis.Redis, brand: str) -> None:
        self.place = 0
        self._client, self._brand = client, brand
        self._runner = ScriptRunner(client)
        self._key = BrandKeys.of(brand).failed

    def read(self) -> list[bytes]:
        """Entries from :attr:`place` on; empty at the end.

        Raises:
            WrongTypeError: the key is no list.
            StoreError: Redis did not answer or refused.
        """
        if self.place == 0:
            finish(self._client, self._brand)
        command = evalsha(scripts.WALK, [self._key], self.place, MAX_LETTERS, SLICE_BYTES)
        reply: list[bytes] = checked(self._runner.run([command])[0])
        if Code(reply[0].decode()) is Code.TYPE:
            raise WrongTypeError(self._key, reply[2].decode(), "list")
        return reply[1:]


def mend(client: redis.Redis, brand: str, letters: Sequence[Sent], *, who: str, queue: str | None) -> list[bool]:
    """Move *letters* of *brand* (at most :data:`MAX_LETTERS`, by ascending place) to *queue*; None: drop them.

    Returns:
        for each whether it was moved; if not, another entry stands at its place now.

    Raises:
        WrongTypeError: one of the keys has a foreign type.
        StoreError: Redis refused; or did not answer, and it is not known which of them were moved.
    """
    layout = layout_of(client)
    keys = layout.keys(brand)
    names = [keys.failed, queue or keys.queue, keys.retried, _ABSENT]
    if layout.spread:  # on their way they have a place beside the one that they leave
        names = [keys.failed, moving_key(keys.failed), keys.retried, absent_key(keys.failed)]
    goal = b"q" if queue == keys.queue else b"w"
    action = "drop" if queue is None else "retry"
    none = f"moved {secrets.token_hex(_NONE_BYTES)}"
    flat: list[Any] = []
    for letter in letters:
        pushed = _framed(goal, letter.payload) if layout.spread else letter.payload
        flat += (letter.index, letter.raw, pushed, _digest(letter.before), _digest(letter.payload))
    command = evalsha(scripts.MEND, names, action, who[:_MAX_WHO_CHARS], MARK_TTL_S * 1000, MAX_MARKS, none, *flat)
    reply = checked(ScriptRunner(client).run([command])[0])
    if Code(reply[0].decode()) is Code.TYPE:
        raise WrongTypeError(names[reply[1] - 1], reply[2].decode(), _TYPES[reply[1] - 1])
    if layout.spread and queue is not None:
        finish(client, brand)
    return [done == 1 for done in reply[1:]]


def finish(client: redis.Redis, brand: str) -> int:
    """Bring letters of *brand* that are on their way into their queue, whoever sent them; how many there were.

    Only where list and queue are in other slots are there any. Whoever is killed in between leaves them on their way,
    in one place, and anybody may go on: each arrives once.

    Raises:
        WrongTypeError: one of the keys has a foreign type.
        StoreError: Redis refused or did not answer; calling again is safe.
    """
    layout, runner = layout_of(client), ScriptRunner(client)
    if not layout.spread:
        return 0
    keys, count = layout.keys(brand), 0
    moving = moving_key(keys.failed)
    goals = {b"q": keys.queue, b"w": worker_queue_key(brand)}
    while framed := _on_their_way(checked(runner.run([("LRANGE", moving, 0, MAX_LETTERS - 1)])[0])):
        for goal, queue in goals.items():
            flat = [text for _, own, id_, payload in framed if own == goal for text in (id_, payload)]
            if not flat:
                continue
            names = [queue, moved_key(queue)]
            reply = checked(runner.run([evalsha(scripts.ARRIVE, names, _MOVED_TTL_MS, _MAX_MOVED, *flat)])[0])
            if Code(reply[0].decode()) is Code.TYPE:
                raise WrongTypeError(names[reply[1] - 1], reply[2].decode(), ("list", "hash")[reply[1] - 1])
        for reply in runner.run([("LREM", moving, 1, entry) for entry, *_ in framed]):
            checked(reply)
        count += len(framed)
    return count


def _framed(goal: bytes, payload: bytes) -> bytes:
    """*payload* for its way: ids begin with the time, so that the oldest can be told."""
    return b"%016x%b %b|%b" % (time.time_ns() // 1_000_000, secrets.token_hex(_NONE_BYTES).encode(), goal, payload)


def _on_their_way(entries: Sequence[bytes]) -> list[tuple[bytes, bytes, bytes, bytes]]:
    """Entry, goal, id and payload of each; what somebody else put there stays there."""
    found = [(entry, _FRAME.fullmatch(entry)) for entry in entries]
    return [(entry, match[2], match[1], match[3]) for entry, match in found if match is not None]


def marks(client: redis.Redis, brand: str, payloads: Sequence[bytes]) -> list[Mark | None]:
    """What is known of each of *payloads*; None: it was not sent again, or too long ago.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    if not payloads:
        return []
    with translated():
        found = cast(
            "list[bytes | None]", client.hmget(layout_of(client).keys(brand).retried, list(map(_digest, payloads)))
        )
    return list(map(_mark, found))


def _mark(value: bytes | None) -> Mark | None:
    found = _MARK.fullmatch(value or b"")
    if found is None:
        return None
    times, at_ms, who = found.groups()
    return Mark(int(times), int(at_ms), who.decode(errors="backslashreplace"))


def _digest(payload: bytes) -> str:
    return blake2b(payload, digest_size=_DIGEST_BYTES).hexdigest()
