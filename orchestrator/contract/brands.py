"""What may be a brand's name.

Source: the contract (``docs/redis-protocol.md``). Names are trimmed. Empty names, names over 256 bytes and names with
control characters are refused. Everything else works: spaces, ``:``, ``{}``, ``*``, any Unicode.
"""

from __future__ import annotations

import unicodedata

from orchestrator.errors import InvalidBrandError

MAX_BRAND_BYTES = 256


def check_brand(name: str) -> str:
    """Return *name* trimmed.

    Raises:
        InvalidBrandError: the name is empty, too long, holds a control character or is not Unicode text.
    """
    brand = name.strip()
    if not brand:
        raise InvalidBrandError("a brand must not be empty")
    # Nearly every name is plain, and a look at all brands checks thousands of them.
    plain = brand.isascii() and brand.isprintable()
    if not plain and any(unicodedata.category(char) in {"Cc", "Cs"} for char in brand):
        raise InvalidBrandError(f"brand {brand!r} holds a control character")
    size = len(brand.encode())
    if size > MAX_BRAND_BYTES:
        raise InvalidBrandError(f"brand {brand[:32]!r}… has {size} bytes, at most {MAX_BRAND_BYTES} are allowed")
    return brand
