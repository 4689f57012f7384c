# Types of the compiled splice kernel; what it does is defined by its twin, _splice_py.

from orchestrator._splice_py import decode_items as decode_items

IMPLEMENTATION: str
