"""The message on ``summary:updates``: a summary was written. A hint to look, no more: PUBLISH reaches who listens."""

from __future__ import annotations

from msgspec import Struct


class Update(Struct, frozen=True):
    """A brand has a new summary; a greater epoch, or of one epoch a greater version, is a newer one."""

    brand: str
    epoch: int
    version: int
