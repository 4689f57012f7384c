# Types of the compiled measure kernel; what it does is defined by its twin, measure_py.
from orchestrator.kernels.measure_py import measure_chunks as measure_chunks
from orchestrator.kernels.measure_py import reduce_sentiment as reduce_sentiment

IMPLEMENTATION: str
