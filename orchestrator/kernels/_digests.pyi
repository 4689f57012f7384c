# Types of the compiled digests kernel; what it does is defined by its twin, digests_py.
from orchestrator.kernels.digests_py import Digests as Digests
from orchestrator.kernels.digests_py import digest as digest
from orchestrator.kernels.digests_py import numbers_of as numbers_of

IMPLEMENTATION: str
