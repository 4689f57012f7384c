"""Redis: the threaded client, the Lua commands, and the translation of their codes into errors.

May import ``contract`` and ``errors``; only ``lane``, ``scheduler``, ``app``, ``http`` and ``cli`` may import this
package. Only :mod:`orchestrator.store.hints` knows trio; everything else is synchronous and thread-safe.
"""

from orchestrator.store.client import connect, masked_url
from orchestrator.store.line import Line, Reply
from orchestrator.store.store import Store
from orchestrator.store.types import Commit, CommitReply, FailedPolicy, Lease, Peek, ReadOn, Registry, StoreOptions

__all__ = [
    "Commit",
    "CommitReply",
    "FailedPolicy",
    "Lease",
    "Line",
    "Peek",
    "ReadOn",
    "Registry",
    "Reply",
    "Store",
    "StoreOptions",
    "connect",
    "masked_url",
]
