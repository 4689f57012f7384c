# Types of the compiled scan kernel; what it does is defined by its twin, scan_py.
from orchestrator.kernels.scan_py import Scan as Scan
from orchestrator.kernels.scan_py import decode_items as decode_items

IMPLEMENTATION: str

def use_instructions(level: int) -> int: ...
