"""Centroids as workers send them: base64 of little-endian 32-bit floats, a third of the bytes of numbers."""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Sequence
from typing import Final

from orchestrator.contract.reasons import NOT_BASE64, no_floats
from orchestrator.errors import InvalidChunkError

MAX_MAGNITUDE: Final = 1e9  # as in contract.chunk, which needs msgspec; tests/worker/test_check.py compares them
MAX_DIMENSIONS: Final = 16_384


def centroid_f32(vector: Sequence[float], path: str = "$") -> str:
    """*vector*, of any kind of numbers, as ``centroidF32``: each number as the nearest 32-bit float.

    Raises:
        InvalidChunkError: a number is not finite or beyond 10⁹ in magnitude, or there are more than 16,384. The
            service would take a centroid that is not finite for absent, and say nothing.
    """
    numbers = [float(number) for number in vector]
    for place, number in enumerate(numbers):
        if not math.isfinite(number):
            raise InvalidChunkError(f"Expected a finite number, got {number}", f"{path}[{place}]")
        if abs(number) > MAX_MAGNITUDE:
            raise InvalidChunkError(f"Expected at most {MAX_MAGNITUDE} in magnitude, got {number}", f"{path}[{place}]")
    if len(numbers) > MAX_DIMENSIONS:
        raise InvalidChunkError(f"Expected `array` of length <= {MAX_DIMENSIONS}, got length {len(numbers)}", path)
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def centroid_of(text: str, path: str = "$") -> list[float]:
    """The numbers in *text*, a ``centroidF32``.

    Raises:
        InvalidChunkError: it is none.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidChunkError(NOT_BASE64, path) from None
    if len(data) % 4:
        raise InvalidChunkError(no_floats(len(data)), path)
    return list(struct.unpack(f"<{len(data) // 4}f", data))
