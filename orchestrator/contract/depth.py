"""How deep JSON of others may be nested: bounded here, before it is decoded, so that every Python says the same.

Without a bound of ours each parser ends where its interpreter does: 1,000 levels on 3.11, a few thousand on 3.12, ten
thousand on 3.13, fewer on a small stack. Then one and the same item is a chunk for one process and a dead letter for
the next. What is known of a chunk is four levels deep; the rest is room for fields that nobody knows here.

Source: RFC 8259, section 9; 128 is the bound of serde_json and RedisJSON, and far below every interpreter's.
"""

from __future__ import annotations

import re
from typing import Final

MAX_DEPTH: Final = 128
"""Objects and arrays within each other, the document itself included; ``kernels/scanner.h`` has it, too."""

TOO_DEEP: Final = f"nested too deeply, at most {MAX_DEPTH} levels are allowed"

# Possessive: a text of nothing but escapes would else be remembered step by step, in sixty times its size.
_PIECE: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)


def too_deep(document: bytes) -> bool:
    """Whether *document* is nested deeper than :data:`MAX_DEPTH`; brackets within texts do not count."""
    if document.count(b"[") + document.count(b"{") <= MAX_DEPTH:  # nearly every one
        return False
    depth = 0
    for found in _PIECE.finditer(document):
        piece = found[0]
        if piece in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif piece in b"]}":
            depth -= 1
    return False
