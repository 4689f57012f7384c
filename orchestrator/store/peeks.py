"""A peek on the wire: what begins an attempt at the head of a queue, what reads the chunks, and what both bring.

Pure: source of the order of arguments and replies is ``begin.lua``.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from orchestrator.errors import StoreError
from orchestrator.store import scripts
from orchestrator.store.client import checked
from orchestrator.store.codes import check_reply
from orchestrator.store.runner import evalsha
from orchestrator.store.types import Peek

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.contract.keys import BrandKeys
    from orchestrator.store.types import Look
    from orchestrator.store.wire import Command

_SEED_BITS: Final = 31
"""What Lua's generator takes."""


def begin(keys: BrandKeys, token: str, lock_ttl_ms: int, first: int, look: Look) -> Command:
    """Count an attempt at the *first* chunks, and *look* at those after them."""
    # No secret, but whoever fills a queue must not know where it is looked at.
    place = secrets.randbits(_SEED_BITS)
    return evalsha(scripts.BEGIN, scripts.BEGIN.keys(keys), token, lock_ttl_ms, first, *look, place)


def begun(reply: Any, items: list[bytes]) -> Peek:
    """What begin.lua answered, with the *items* that were read."""
    _, cid, version, attempts, now_ms, queued, fits, suspects = reply
    # A cid that was damaged under the lease need not be text; it is not the one that the state ends with.
    return Peek(cid.decode(errors="backslashreplace"), version, attempts, now_ms, queued, items, fits, suspects)


def begun_beside(keys: BrandKeys, reply: Any) -> Peek | None:
    """The peek that travelled with a commit; None if it failed, because the commit stands all the same."""
    try:
        check_reply(scripts.BEGIN, keys, checked(reply))
        return begun(reply, [])
    except StoreError:
        return None


def read(keys: BrandKeys, limit: int, skip: int = 0) -> Command:
    """Read *limit* chunks after the first *skip*."""
    return ("LRANGE", keys.queue, skip, skip + limit - 1)


def items_of(replies: Sequence[Any]) -> list[bytes]:
    """What :func:`read` brought."""
    items: list[bytes] = checked(replies[0])
    return items
