"""The fold kernel in use, see :mod:`orchestrator.kernels.choice`: what happens to a cluster in its story."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.kernels import fold_py
from orchestrator.kernels.choice import IMPLEMENTATION

if TYPE_CHECKING or IMPLEMENTATION == "python":
    _kernel = fold_py
else:
    from orchestrator.kernels import _fold as _kernel

PART_BYTES = fold_py.PART_BYTES
StoredNumber = fold_py.StoredNumber
stored_id_bytes = fold_py.stored_id_bytes
Account = _kernel.Account
MentionIds = _kernel.MentionIds
StoredIds = _kernel.StoredIds
StoredStories = _kernel.StoredStories
Story = _kernel.Story
StoryFolder = _kernel.StoryFolder
grown_bytes = _kernel.grown_bytes
pack_stories = _kernel.pack_stories
remembered_bytes = _kernel.remembered_bytes
rescue_ids = _kernel.rescue_ids
take_new_ids = _kernel.take_new_ids
