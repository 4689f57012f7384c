# Types of the compiled fold kernel; what it does is defined by its twin, fold_py.
from zlib import crc32 as crc32

from orchestrator.kernels.fold_py import Account as Account
from orchestrator.kernels.fold_py import MentionIds as MentionIds
from orchestrator.kernels.fold_py import StoredIds as StoredIds
from orchestrator.kernels.fold_py import StoredStories as StoredStories
from orchestrator.kernels.fold_py import Story as Story
from orchestrator.kernels.fold_py import StoryFolder as StoryFolder
from orchestrator.kernels.fold_py import grown_bytes as grown_bytes
from orchestrator.kernels.fold_py import pack_stories as pack_stories
from orchestrator.kernels.fold_py import remembered_bytes as remembered_bytes
from orchestrator.kernels.fold_py import rescue_ids as rescue_ids
from orchestrator.kernels.fold_py import take_new_ids as take_new_ids
from orchestrator.kernels.hashing_py import hash_text as hash_text
from orchestrator.kernels.hashing_py import under_key as under_key
from orchestrator.kernels.hashing_py import unkeyed_hash as unkeyed_hash
from orchestrator.kernels.tokens_py import PlainText as PlainText

IMPLEMENTATION: str
