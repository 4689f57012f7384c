"""Keys and signatures of outgoing messages, after Standard Webhooks 1.0. Pure; imports nothing of the project."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Final

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the prefix that the standard gives to secrets
KEY_BYTES: Final = range(16, 129)
"""The standard asks for 24 to 64; what its libraries accept beyond that is taken, too."""


def decode_secret(secret: str) -> bytes:
    """The key in a secret of the standard's form, ``whsec_`` and base64.

    Raises:
        ValueError: it has another form, or the key is too short or too long; the message does not quote it.
    """
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(SECRET_PREFIX) or len(key) not in KEY_BYTES:
        raise ValueError(f"it must be {SECRET_PREFIX} and {KEY_BYTES.start} to {KEY_BYTES.stop - 1} bytes in base64")
    return key


def signature(key: bytes, message_id: str, sent_at_s: int, body: bytes) -> str:
    """The ``webhook-signature`` of a message: HMAC-SHA256 over id, time in Unix seconds and body."""
    signed = b"%b.%d.%b" % (message_id.encode(), sent_at_s, body)
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
