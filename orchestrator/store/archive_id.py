"""Which archive this Redis stands with: the id that the marker at the archive's root has, too.

Synchronous and thread-safe. Source: ``orchestrator:archive`` in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from redis.exceptions import ResponseError

from orchestrator.contract.keys import ARCHIVE_KEY, archive_next_key
from orchestrator.errors import StoreRefusedError
from orchestrator.store.client import checked
from orchestrator.store.layouts import layout_of
from orchestrator.store.runner import ScriptRunner

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

NEXT_MS: Final = 86_400_000
"""So long an id waits for its marker: those who mark a place at the same time all write the same."""

_BRANDS: Final = 256
_ID: Final = re.compile(rb"[0-9a-f]{32}")


def known_id(client: redis.Redis) -> str:
    """The id of the archive; empty: none is known yet, or what stands there is no id.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    return _id(_known(client))


def keep_id(client: redis.Redis, archive: str, *, anew: bool = False) -> str:
    """Keep *archive* as the id, unless one is known and it is not to be kept *anew*; the id that is known then.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    found = _known(client)
    if _id(found) and not anew:
        return _id(found)
    # What is no id says nothing, and would be in the way for ever.
    condition = ("NX",) if found is None and not anew else ()
    _, found = map(checked, ScriptRunner(client).run([("SET", ARCHIVE_KEY, archive, *condition), ("GET", ARCHIVE_KEY)]))
    return _id(found)


def next_id(client: redis.Redis, place: str, proposed: str) -> str:
    """The id with which *place*, by its digest, is to be marked: *proposed*, or that of who came before.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    key = archive_next_key(place)
    commands = [("SET", key, proposed, "NX", "PX", NEXT_MS), ("GET", key)]
    _, found = map(checked, ScriptRunner(client).run(commands))
    return _id(found) or proposed


def was_archived(client: redis.Redis, brands: Sequence[str]) -> bool:
    """Whether a record of one of *brands* is in an archive for sure: one was left, and none waits.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    runner, keys_of = ScriptRunner(client), layout_of(client).keys
    for start in range(0, len(brands), _BRANDS):
        keys = [keys_of(brand) for brand in brands[start : start + _BRANDS]]
        commands = [each for own in keys for each in (("HGET", own.archiving, "last"), ("LLEN", own.records))]
        replies = [None if _is_foreign(reply) else checked(reply) for reply in runner.run(commands)]
        if any(last and waiting == 0 for last, waiting in zip(replies[::2], replies[1::2], strict=True)):
            return True
    return False


def _known(client: redis.Redis) -> bytes | None:
    (reply,) = ScriptRunner(client).run([("GET", ARCHIVE_KEY)])
    try:
        found: bytes | None = b"" if _is_foreign(reply) else checked(reply)
    except StoreRefusedError as error:  # of this key alone, perhaps, and Redis does not name it
        raise StoreRefusedError(f"{ARCHIVE_KEY!r} cannot be read: {error}") from None
    return found


def _id(text: bytes | None) -> str:
    return text.decode() if isinstance(text, bytes) and _ID.fullmatch(text) else ""


def _is_foreign(reply: object) -> bool:
    """Whether it is the error of a key of a foreign type, which says nothing."""
    return isinstance(reply, ResponseError) and str(reply).startswith("WRONGTYPE")
