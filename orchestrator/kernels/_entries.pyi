# Types of the compiled entries kernel; what it does is defined by its twin, entries_py.
from orchestrator.kernels.entries_py import encode_entry as encode_entry

IMPLEMENTATION: str
