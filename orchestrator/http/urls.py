"""Brands in URLs: any name works, whatever characters it holds.

A brand is percent-encoded as a whole when a link is made, its slashes included. Servers decode a path before it is
routed, so ``a%2Fb`` and ``a/b`` arrive as the same path. Therefore the converter takes slashes too, and what follows
the brand in a route is fixed. Browsers resolve ``.`` and ``..`` even when encoded, so these two names are linked by
query.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

from werkzeug.routing import BaseConverter

_DOT_NAMES = frozenset({".", ".."})


class BrandConverter(BaseConverter):
    """Matches one or more of any character, as few as the rest of the rule lets it."""

    part_isolating = False
    regex = ".+?"
    weight = 300

    def to_url(self, value: str) -> str:
        """The brand as one percent-encoded path segment."""
        return quote(value, safe="")


def brand_page_url(brand: str, *, root: str = "") -> str:
    """Link to the brand's page in the application below *root*."""
    encoded = quote(brand, safe="")
    return f"{root}/brands?name={encoded.replace('.', '%2E')}" if brand in _DOT_NAMES else f"{root}/brands/{encoded}"


def brand_view_url(brand: str, *, root: str = "", **view: str) -> str:
    """Link to the brand's page as somebody looks at it; parameters that are empty are left out."""
    page, query = brand_page_url(brand, root=root), _query(**view)
    return f"{page}{'&' if '?' in page else '?'}{query}" if query else page


def brand_api_url(brand: str, document: str, *, root: str = "") -> str:
    """Link to one of the brand's documents in the read API."""
    return f"{root}/v1/brands/{quote(brand, safe='')}/{document}"


def past_url(brand: str, *, root: str = "", at: str = "") -> str:
    """Link to the brand's page as it was at a time."""
    return f"{root}/past?{_query(name=brand, at=at)}"


def past_chunks_url(brand: str, *, root: str = "", story: str, at: str = "", order: str = "") -> str:
    """Link to the chunks that a story is from."""
    return f"{root}/past/chunks?{_query(name=brand, story=story, at=at, order=order)}"


def _query(**given: str) -> str:
    return urlencode({name: value for name, value in given.items() if value})


def ops_brand_url(brand: str, *, root: str = "") -> str:
    """Link to the brand's page for operators in the application below *root*."""
    return f"{root}/ops/brand?name={quote(brand, safe='').replace('.', '%2E')}"
