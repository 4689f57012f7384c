"""Makes text fit for a log line, an error or a screen: no secrets, no control characters.

Owns the one rule for each. Knows nothing of settings, loggers or terminals; they all call it. It hides too much
rather than too little: everything between ``//`` and the last ``@`` of an authority goes, since passwords with a
bare ``@`` or ``/`` occur.
"""

from __future__ import annotations

import re

MASK = "***"

_JOINERS = "\u200c\u200d"  # invisible parts of letters and emoji; they move nothing

# A user name stays (it tells which account is meant); a part without a colon is a password or a token.
_CREDENTIALS = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)(?:(?P<user>[^\s:/@]*):)?[^\s\"']*@", re.IGNORECASE)
_QUERY = re.compile(r"(?P<name>[?&](?:[a-z_-]*(?:password|secret|token|signature|key)|sig)=)[^&\s\"']*", re.IGNORECASE)


def mask_text(text: str) -> str:
    """Return *text* with the credentials of every URL in it replaced by ``***``."""
    if "://" not in text:  # most texts; the guard keeps the log's hot path free of regular expressions
        return text
    # Credentials first: a password may hold "?key=", and hiding that would take away the @ that ends the password.
    return _QUERY.sub(rf"\g<name>{MASK}", _CREDENTIALS.sub(_hide_credentials, text))


def mask_secret(value: str) -> str:
    """Return what stands for a value that is a secret as a whole; an empty one stays visible as empty."""
    return MASK if value else value


def printable(text: str, *, keep: str = "") -> str:
    """Return *text* with characters that steer a terminal or reorder text (Cc, Cf, ...) shown as escapes.

    Args:
        text: from outside: a brand, a label, an error of a server.
        keep: characters that pass all the same, such as a newline in a traceback.
    """
    if text.isprintable():
        return text
    kept = keep + _JOINERS
    return "".join(char if char.isprintable() or char in kept else _escape(char) for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode()


def _hide_credentials(match: re.Match[str]) -> str:
    user = match["user"]
    return f"{match['scheme']}{f'{user}:{MASK}' if user is not None else MASK}@"
