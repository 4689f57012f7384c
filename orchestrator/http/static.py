"""Style, script and icon of the pages: read once, served from memory under a name that changes with the content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quart import Blueprint, Response

from orchestrator import __version__
from orchestrator.http.problems import not_found

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

CONTENT_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Assets:
    """The static files by the name under which they are served, ``<digest>-<file name>``."""

    content: Mapping[str, bytes]

    @classmethod
    def load(cls, folder: Traversable) -> Assets:
        """Read every file of *folder* whose type is known."""
        content = {}
        for entry in folder.iterdir():
            if entry.name.rpartition(".")[2] in CONTENT_TYPES:
                data = entry.read_bytes()
                content[f"{hashlib.sha256(data).hexdigest()[:12]}-{entry.name}"] = data
        return cls(content)

    @property
    def edition(self) -> str:
        """Changes with any of the files, and with the release, since the templates belong to it."""
        return hashlib.sha256(" ".join([__version__, *sorted(self.content)]).encode()).hexdigest()[:8]

    def url(self, file_name: str, *, root: str = "") -> str:
        """The address of the file called *file_name* in the application below *root*."""
        [served] = [name for name in self.content if name.partition("-")[2] == file_name]
        return f"{root}/static/{served}"

    def blueprint(self) -> Blueprint:
        """A blueprint that serves them."""
        blueprint = Blueprint("static_files", __name__, url_prefix="/static")

        @blueprint.get("/<name>")
        async def asset(name: str) -> Response:
            """One file; its name changes with its content, so it may be kept for ever."""
            if name not in self.content:
                raise not_found("There is no such file.")
            response = Response(self.content[name], content_type=CONTENT_TYPES[name.rpartition(".")[2]])
            response.headers["Cache-Control"] = FOREVER
            return response

        return blueprint
