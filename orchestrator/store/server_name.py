"""What a server calls itself: Redis, or a relative that answers to that name for the sake of old clients.

Owns the one sentence that people are told, from what INFO says. Must not be asked whether a server is fit: that is the
preflight's. Source: Valkey's INFO, whose ``redis_version`` is the Redis that it is compatible with (7.2.4, whatever
its own version), while ``server_name`` and ``valkey_version`` are its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME: Final = re.compile(r"[a-z]{1,20}", re.ASCII)
_VERSION: Final = re.compile(r"[\w.+~-]{1,40}", re.ASCII)


def server_name(info: Mapping[str, Any]) -> str:
    """Name and version of the server that gave *info*, such as ``Valkey 9.1.2``.

    What it says in another form than programs are named and numbered in is not repeated.
    """
    name = str(info.get("server_name", "redis"))
    version = str(info.get(f"{name}_version", ""))
    if not (_NAME.fullmatch(name) and _VERSION.fullmatch(version)):
        name, version = "redis", str(info.get("redis_version", ""))
    return f"{name.capitalize()} {version if _VERSION.fullmatch(version) else 'of no known version'}"
