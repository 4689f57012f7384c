"""Breaking the lock of one brand: for operators who know that its holder does no good.

Always safe: whoever held it is told so by its next commit, which changes nothing then (``FENCED``), and what it had in
hand is in the queue. Source: ``release`` in ``docs/redis-protocol.md``, which frees a lock that holds a given token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.errors import WrongTypeError
from orchestrator.store import scripts
from orchestrator.store.client import checked
from orchestrator.store.codes import Code
from orchestrator.store.layouts import layout_of
from orchestrator.store.runner import ScriptRunner, evalsha

if TYPE_CHECKING:
    import redis


def break_lock(client: redis.Redis, brand: str, token: bytes) -> bool:
    """Free the lock of *brand* if it still holds *token*; False: somebody else has the brand, or nobody.

    Raises:
        WrongTypeError: the lock, or the meta hash, has a foreign type.
        StoreError: Redis did not answer or refused; calling again is safe.
    """
    keys = layout_of(client).keys(brand)
    names = scripts.RELEASE.keys(keys)
    # No attempt is forgiven: what the holder had in hand may be why it does no good.
    reply = checked(ScriptRunner(client).run([evalsha(scripts.RELEASE, names, token, 0, 0)])[0])
    code = Code(reply[0].decode())
    if code is Code.TYPE:
        raise WrongTypeError(names[reply[1] - 1], reply[2].decode(), ("string", "hash")[reply[1] - 1])
    return code is Code.OK
