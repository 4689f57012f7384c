"""With which settings the states of brands were written, and the yes to others, for operators.

Takes no lease, so an answer may be old when it arrives. ``acquire`` is the one who decides, and ``adopt`` says yes to
what was looked at, or to nothing. Source: ``meta.settings`` and ``meta.adopted`` in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.store import scripts
from orchestrator.store.client import checked
from orchestrator.store.codes import Code, check_reply
from orchestrator.store.layouts import layout_of
from orchestrator.store.runner import ScriptRunner, evalsha
from orchestrator.store.slices import ask_each

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

    from orchestrator.contract.fingerprint import Fingerprint
    from orchestrator.store.wire import Command

_SLICE: Final = 512
"""Brands asked about in one round trip, as many as in a claim."""


@dataclass(frozen=True, slots=True)
class StoredSettings:
    """What a brand's meta hash says of settings, as it stands there.

    Attributes:
        settings: of the last commit.
        adopted: to which somebody said yes; empty if nobody did.
    """

    settings: bytes
    adopted: bytes


def stored_settings(client: redis.Redis, brands: Sequence[str]) -> dict[str, StoredSettings]:
    """Those of *brands* whose state says with which settings it was written, as far as their meta hash can be read.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    keys_of = layout_of(client).keys

    def question(brand: str) -> list[Command]:
        return [("HMGET", keys_of(brand).meta, "settings", "adopted")]

    return {
        brand: StoredSettings(reply[0], reply[1] or b"")
        for brand, (reply,) in ask_each(client, brands, question, at_once=_SLICE)
        if isinstance(reply, list) and reply[0] is not None
    }


def adopt(client: redis.Redis, brand: str, seen: bytes, mine: Fingerprint) -> bool:
    """Say yes to what *brand* loses on the way from the settings *seen* to *mine*; False if it has others by now.

    Raises:
        WrongTypeError: its meta key is no hash.
        StoreError: Redis did not answer or refused. It may be sent again.
    """
    keys = layout_of(client).keys(brand)
    reply = checked(ScriptRunner(client).run([evalsha(scripts.ADOPT, scripts.ADOPT.keys(keys), seen, mine.text())])[0])
    if Code(reply[0].decode()) is Code.SETTINGS:
        return False
    check_reply(scripts.ADOPT, keys, reply)
    return True
