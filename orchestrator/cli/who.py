"""Who works in this shell, and writing down what for: every command that changes something calls this first."""

from __future__ import annotations

import getpass
import os
import socket

import redis

from orchestrator.contract.acts import Value
from orchestrator.store.audit import write_audit


def who() -> str:
    """``user@host``, for marks and the audit list."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container without an entry for its user
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def write_down(client: redis.Redis, action: str, brand: str | None, **details: Value) -> None:
    """Write to the audit list what is about to be done; details without a value are left out.

    Raises:
        StoreError: Redis did not answer or refused; nothing is to be done then.
    """
    told = {name: value for name, value in details.items() if value is not None}
    write_audit(client, who(), action, brand, told)
