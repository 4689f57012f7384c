"""A brand that somebody asks for, and the tag of what is put together for it.

All documents of a brand change with its commits, so (epoch, version) of the summary tags them. The summary is read
*first*, so that a tag may be older than what it tags and never newer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator.http.answers import conditional, exact_brand, json_response, service
from orchestrator.http.documents import StoredSummary, parse_summary
from orchestrator.http.problems import not_found

if TYPE_CHECKING:
    import msgspec
    from quart import Response


@dataclass(frozen=True, slots=True)
class Found:
    """A brand that exists, and what its summary says if it has one."""

    brand: str
    summary: StoredSummary | None

    async def tagged(self, document: msgspec.Struct) -> Response:
        """*document* as the answer. The day is part of the tag: old days leave without a commit."""
        return await self.tag(json_response(document), f"{datetime.now(UTC).date()}")

    async def tag(self, response: Response, more: str) -> Response:
        """*response* with a tag of the brand's commit and of *more*; without one where there was no commit."""
        return response if self.summary is None else await conditional(response, f"{self.summary.etag}-{more}")


async def find(name: str) -> Found:
    """The brand called *name*.

    Raises:
        InvalidBrandError: no brand can have this name.
        ProblemError: it is neither registered nor has it a summary, or what is stored is none.
        StoreError: Redis did not answer.
    """
    brand = exact_brand(name)
    # Before the entries that it will tag: read after them, a commit in between would give old entries a new tag, and
    # the reader would keep them until the next commit.
    raw = await service().summary(brand)
    if raw is not None:
        return Found(brand, parse_summary(raw))
    if brand in await service().brands():
        return Found(brand, None)
    raise not_found("There is no such brand.")
