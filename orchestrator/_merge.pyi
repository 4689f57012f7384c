# Types of the compiled merge kernel; what it does is defined by its twin, merge_py.
from orchestrator.kernels.merge_py import StoryIndex as StoryIndex

IMPLEMENTATION: str

def use_instructions(level: int) -> int: ...
