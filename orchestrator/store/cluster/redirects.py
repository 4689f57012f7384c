"""Error replies of a cluster that say: this command was not executed.

Pure. Such a command may be sent again at once whatever it does, and that is what sets these apart from an answer that
did not come. Source: *Redirection and resharding* in the cluster specification of Redis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from redis.exceptions import AskError, ClusterDownError, ExecAbortError, MasterDownError, ResponseError, TryAgainError

from orchestrator.contract.slots import SLOTS
from orchestrator.store.cluster.slot_map import node_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.contract.address import Node

_FOREIGN_KEY: Final = "non local key"
"""What a script gets told that names a key of another node: Redis and Valkey have a sentence around it each."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """A command was not executed.

    Attributes:
        node: where to send it instead; None: to whoever has the slot by then.
        slot: that moved there for good, -1 if none did.
        asking: whether only this one command is to be sent there, and after ``ASKING``.
        later: whether it takes a moment before sending it again can help.
        reason: in the server's words.
    """

    node: Node | None
    slot: int = -1
    asking: bool = False
    later: bool = False
    reason: str = ""


def redirect_of(reply: object, asked: Node) -> Redirect | None:
    """What *reply* of *asked* says about where its command belongs; None: it was executed, or refused for good."""
    if isinstance(reply, AskError):  # of which redis-py derives MovedError
        node = node_at(reply.host, reply.port, asked)
        if node is None or not 0 <= reply.slot_id < SLOTS:
            return None  # an error as any other
        if type(reply) is AskError:
            return Redirect(node, asking=True, reason=f"ASK {reply}")
        return Redirect(node, slot=reply.slot_id, reason=f"MOVED {reply}")
    if isinstance(reply, TryAgainError):
        return Redirect(None, later=True, reason=f"TRYAGAIN {reply}")
    if isinstance(reply, ClusterDownError | MasterDownError):
        return Redirect(None, later=True, reason=f"CLUSTERDOWN {reply}")
    return None


def of_transaction(replies: Iterable[object], asked: Node) -> Redirect | None:
    """What the replies to ``MULTI``, its commands and ``EXEC`` say of all of them; None: it was executed or refused."""
    *queued, executed = replies
    if not isinstance(executed, ExecAbortError):
        return redirect_of(executed, asked)
    return next(filter(None, (redirect_of(reply, asked) for reply in queued)), None)


def names_foreign_key(reply: object) -> bool:
    """Whether a script met the key of another node: slots moved since it was asked."""
    return isinstance(reply, ResponseError) and _FOREIGN_KEY in str(reply)
