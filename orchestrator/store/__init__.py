"""Redis: the threaded client, the Lua commands, and the translation of their codes into errors.

Face: the store with its values, and the client's functions. Not on it, to be imported by name, because few need
them and each brings libraries of its own: ``documents``, ``embedded``, ``hints``, ``preflight``, ``registry``,
``state_formats``.

Imports ``contract``, ``process.masking``, ``process.secret_files`` and ``errors``. Only :mod:`orchestrator.store.hints`
knows trio; everything else is synchronous and thread-safe.
"""

from orchestrator.store.client import Login, checked, masked_url, translated
from orchestrator.store.connecting import connect
from orchestrator.store.layouts import layout_of
from orchestrator.store.line import Line, Reply
from orchestrator.store.store import Store
from orchestrator.store.types import (
    ArchivePolicy,
    Commit,
    CommitReply,
    FailedPolicy,
    Lease,
    Look,
    Peek,
    ReadOn,
    Registry,
    StoreOptions,
)

__all__ = [
    "ArchivePolicy",
    "Commit",
    "CommitReply",
    "FailedPolicy",
    "Lease",
    "Line",
    "Login",
    "Look",
    "Peek",
    "ReadOn",
    "Registry",
    "Reply",
    "Store",
    "StoreOptions",
    "checked",
    "connect",
    "layout_of",
    "masked_url",
    "translated",
]
