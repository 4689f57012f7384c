"""Which addresses alerts can be sent to, and what to say of one that is none. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit


def check_webhook_url(url: str) -> str:
    """Return *url* trimmed if alerts can be sent there; empty is fine.

    Raises:
        ValueError: it is no address of a web server; the message does not quote it.
    """
    url = url.strip()
    problem = "it must look like https://host/path"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError(problem) from None
    if url and not (usable and url.isascii() and url.isprintable() and " " not in url):
        raise ValueError(problem)
    return url
