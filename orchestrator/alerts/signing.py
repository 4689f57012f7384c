"""Keys and signatures of outgoing messages, after Standard Webhooks 1.0."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from typing import Final

from orchestrator.process.secret_files import read_secret

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


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """Where the key comes from: the secret itself, or a file with it, which may change; without either there is none.

    Attributes:
        text: the secret; empty for none.
        file: the file that holds it; empty for none.
    """

    text: str = ""
    file: str = ""

    def key(self) -> bytes | None:
        """The key as of now; None: messages stay unsigned. A file is read anew, so that a rotation needs no restart.

        Raises:
            ValueError: it cannot be read, or has another form; nothing of it is quoted.
        """
        text = read_secret(self.file) if self.file else self.text
        return decode_secret(text) if text else None


UNSIGNED: Final = SigningSecret()
"""No secret: messages leave without a signature."""


def signature(key: bytes, message_id: str, sent_at_s: int, body: bytes) -> str:
    """The ``webhook-signature`` of a message: HMAC-SHA256 over id, time in Unix seconds and body."""
    signed = b"%b.%d.%b" % (message_id.encode(), sent_at_s, body)
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
