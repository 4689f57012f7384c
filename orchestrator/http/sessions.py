"""Who is signed in as an operator: a signed cookie, and the token that its forms must carry.

Nothing is kept of a session but that it was ended (here, and by a mark in Redis for all): the cookie says who and until
when, under a signature whose key is made of the operator's token. So any process with the same token file knows it,
also after a restart, and a token that is taken out of the file ends its sessions at once. Time is an argument, in Unix
seconds.

Source: RFC 6265bis for cookies; the OWASP cheat sheets for sessions and for forged requests (a token bound to the
session by HMAC).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections import OrderedDict, deque
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from orchestrator.http.access import Access

LIFETIME_S: Final = 8 * 3_600
"""A working day; then the token is asked for again."""

CLOCKS_S: Final = 3_600
"""Clocks of processes may differ by so much: a mark of an ended session lives that much longer."""

MAX_WHO_CHARS: Final = 64
MAX_COOKIE_CHARS: Final = 1_024
MAX_ENDED: Final = 1_000
"""Sessions that were ended before their time and are remembered; each for its lifetime at most."""

MAX_FAILURES: Final = 10
"""Failed attempts to sign in within a minute, of one address; more are not looked at."""

MAX_FAILURES_IN_ALL: Final = 100
FAILURES_S: Final = 60.0
MAX_ADDRESSES: Final = 1_000

_NONCE_BYTES: Final = 12
_DIGEST_BYTES: Final = 32


class _Ticket(msgspec.Struct, array_like=True):
    """What a cookie says."""

    who: str
    until_s: int
    nonce: str


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in operator.

    Attributes:
        who: what the operator said to be called.
        until_s: when it ends, Unix seconds.
        nonce: names the session.
        form_token: has to come with each form of the session.
    """

    who: str
    until_s: int
    nonce: str
    form_token: str

    def allows(self, form_token: str) -> bool:
        """Whether *form_token* is of a form that was made for this session."""
        return hmac.compare_digest(self.form_token.encode(), form_token.encode("utf-8", "replace"))

    def left_ms(self, now_s: float) -> int:
        """For how long its cookie would be good at *now_s*, and not a moment less where clocks differ a little."""
        return max(1, round((self.until_s - now_s + CLOCKS_S) * 1000))


class Sessions:
    """Makes and reads cookies.

    Args:
        access: knows the operators' tokens.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._ended: OrderedDict[str, int] = OrderedDict()

    def begin(self, token: str, who: str, now_s: float) -> str | None:
        """The cookie of a new session of *who*; None: *token* is no operator's."""
        if not self._access.is_operators(token):
            return None
        ticket = _Ticket(who[:MAX_WHO_CHARS], int(now_s) + LIFETIME_S, secrets.token_hex(_NONCE_BYTES))
        body = msgspec.json.encode(ticket)
        return base64.urlsafe_b64encode(body + _digest(token, b"cookie", body)).decode()

    def find(self, cookie: str, now_s: float) -> Session | None:
        """The session of *cookie*; None: it is forged, too old, ended, or of a token that is no more."""
        signed = _decoded(cookie)
        body, signature = signed[:-_DIGEST_BYTES], signed[-_DIGEST_BYTES:]
        found = None
        for token in self._access.operators():  # all of them: no early end
            if hmac.compare_digest(signature, _digest(token, b"cookie", body)):
                found = token
        if found is None:
            return None
        ticket = _decode(body)
        # A cookie that lives longer than any was made by a clock that was ahead.
        if not now_s < ticket.until_s <= now_s + 2 * LIFETIME_S or ticket.nonce in self._ended:
            return None
        form_token = _digest(found, b"form", ticket.nonce.encode()).hex()
        return Session(ticket.who, ticket.until_s, ticket.nonce, form_token)

    def end(self, session: Session) -> None:
        """Take *session* for none from now on, in this process; the others are told by a mark in Redis."""
        self._ended[session.nonce] = session.until_s
        if len(self._ended) > MAX_ENDED:
            self._ended.popitem(last=False)


class Attempts:
    """Counts failed attempts to sign in, by address and in all, within the last minute; bounded."""

    def __init__(self) -> None:
        self._failed_s: OrderedDict[str, deque[float]] = OrderedDict()
        self._all_s: deque[float] = deque(maxlen=MAX_FAILURES_IN_ALL)

    def allowed(self, address: str, now_s: float) -> bool:
        """Whether an attempt of *address* is looked at."""
        own = self._failed_s.get(address, deque[float]())
        return _recent(own, now_s) < MAX_FAILURES and _recent(self._all_s, now_s) < MAX_FAILURES_IN_ALL

    def failed(self, address: str, now_s: float) -> None:
        """An attempt of *address* failed."""
        self._all_s.append(now_s)
        self._failed_s.setdefault(address, deque(maxlen=MAX_FAILURES)).append(now_s)
        self._failed_s.move_to_end(address)
        if len(self._failed_s) > MAX_ADDRESSES:
            self._failed_s.popitem(last=False)


def _recent(times_s: deque[float], now_s: float) -> int:
    return sum(1 for at_s in times_s if abs(now_s - at_s) < FAILURES_S)


def _digest(token: str, purpose: bytes, content: bytes) -> bytes:
    """A signature of *content* for one *purpose*, by a key made of *token*."""
    key = blake2b(token.encode(), digest_size=_DIGEST_BYTES, person=b"session").digest()
    return blake2b(content, key=key, digest_size=_DIGEST_BYTES, person=purpose).digest()


def _decoded(cookie: str) -> bytes:
    """The bytes of *cookie*, empty if it is none."""
    if len(cookie) > MAX_COOKIE_CHARS:
        return b""
    try:
        return base64.b64decode(cookie.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return b""


_decode: Any = msgspec.json.Decoder(_Ticket).decode
