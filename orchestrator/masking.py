"""What a secret is replaced by before it reaches a log line, an error or a screen.

Owns the one rule for all of them. Knows nothing of settings or loggers; both
call it. Rather hides too much than too little: everything between ``//`` and the
last ``@`` of an authority goes, since passwords with a bare ``@`` or ``/`` occur.
"""

from __future__ import annotations

import re

MASK = "***"

# A user name stays (it tells which account is meant); a part without a colon is a password or a token.
_CREDENTIALS = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)(?:(?P<user>[^\s:/@]*):)?[^\s\"']*@", re.IGNORECASE)
_QUERY = re.compile(
    r"(?P<name>[?&](?:[a-z_]*password|[a-z_]*secret|[a-z_]*token|sig|signature|key)=)[^&\s\"']*", re.IGNORECASE
)


def mask_text(text: str) -> str:
    """Return *text* with the credentials of every URL in it replaced by ``***``."""
    if "://" not in text:  # most texts; the guard keeps the log's hot path free of regular expressions
        return text
    return _QUERY.sub(rf"\g<name>{MASK}", _CREDENTIALS.sub(_hide_credentials, text))


def mask_secret(value: str) -> str:
    """Return what stands for a value that is a secret as a whole; an empty one stays visible as empty."""
    return MASK if value else value


def _hide_credentials(match: re.Match[str]) -> str:
    user = match["user"]
    return f"{match['scheme']}{f'{user}:{MASK}' if user is not None else MASK}@"
