"""The application under a path of somebody else's server, ``HTTP_ROOT_PATH``.

A proxy in front either takes that path away before it passes a request on, or leaves it there. Both work, and so do
probes that come past the proxy: a request is taken with the path or without it. The two cannot be confused, because the
path's first part is none of ours (``settings`` refuses it). What is sent back (links, redirects, addresses of files and
events) always has the path.

Source: the ASGI specification: ``path`` holds ``root_path``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Asgi = Callable[[Any, Any, Any], Awaitable[None]]


def mounted(path: str, root: str) -> str:
    """*path* of a request, with or without *root* at its beginning, as a path below *root*."""
    if path == root:
        return f"{root}/"
    return path if path.startswith(f"{root}/") else root + path


class Mount:
    """The ASGI application *app* below *root*."""

    def __init__(self, app: Asgi, root: str) -> None:
        self._app = app
        self._root = root

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass everything on, requests with the path that they are meant for."""
        if scope["type"] in {"http", "websocket"}:
            path = scope["path"]
            path = path if path.startswith("/") else urlsplit(path).path  # a client may send a whole address
            if path.startswith("/"):
                scope = {**scope, "path": mounted(path, self._root), "root_path": self._root}
        await self._app(scope, receive, send)
