"""Selects the fold kernel as :mod:`orchestrator.merge` selects its own: compiled if that is, else the pure twin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator import merge
from orchestrator._fold_py import PART_BYTES, stored_id_bytes

__all__ = [
    "PART_BYTES",
    "Account",
    "MentionIds",
    "Story",
    "StoryFolder",
    "hash_text",
    "pack_stories",
    "remembered_bytes",
    "rescue_ids",
    "stored_id_bytes",
    "take_new_ids",
]

if TYPE_CHECKING or merge.IMPLEMENTATION == "python":
    from orchestrator._fold_py import (
        Account,
        MentionIds,
        Story,
        StoryFolder,
        hash_text,
        pack_stories,
        remembered_bytes,
        rescue_ids,
        take_new_ids,
    )
else:
    from orchestrator._fold import (
        Account,
        MentionIds,
        Story,
        StoryFolder,
        hash_text,
        pack_stories,
        remembered_bytes,
        rescue_ids,
        take_new_ids,
    )
